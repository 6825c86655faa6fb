"""The engines: processes on this machine, or tasks of a cluster."""

from collections.abc import Sequence

from bertferry.core.extras import check_installed
from bertferry.export.release.local_pool import LocalPool, usable_processors
from bertferry.export.release.options import ReleaseOptions
from bertferry.export.release.schedule import Pool, Task


def open_pool(options: ReleaseOptions, address: str, tasks: Sequence[Task]) -> Pool:
    """Starts what the tasks run in.

    Raises:
      UnavailableError: Ray is not installed or not reachable, or no node of the cluster has the memory for a task.
    """
    if options.engine == "local":
        workers = min(options.workers or usable_processors(), len(tasks))
        return LocalPool(workers, address)
    check_installed("--engine ray", "ray")
    from bertferry.export.release.ray_pool import RayPool

    return RayPool(options, address, tasks)
