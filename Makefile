# `make demo` and `make test` each make their own virtual environment, and need
# nothing but Python 3.10 or later, make and git. PYTHON=... names an interpreter.

.PHONY: demo test check arm64 gstreamer ray clean

demo: .venv-demo/ready
	@.venv-demo/bin/edgeqe demo

test: check
	@.venv/bin/python -m pytest

check: .venv/ready
	@PYTHON=.venv/bin/python scripts/check

# Downloads an arm64 Debian and aarch64 wheels; needs qemu-user-static and debootstrap.
arm64: .venv/ready
	@.venv/bin/python scripts/arm64

# Runs by the system's Python, because GStreamer's loader of Python plugins does.
gstreamer:
	@scripts/gstreamer/packages
	@PYTHON=/usr/bin/python3 scripts/environment .venv-gstreamer ort 14
	@PYTHONPATH="$$(.venv-gstreamer/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'):." \
		/usr/bin/python3 scripts/gstreamer

# An archive on a local Ray cluster of two workers, one of which is killed; takes minutes.
ray: .venv-ray/ready
	@.venv-ray/bin/python -m pytest tests/archive/test_ray.py

.venv-ray/ready: pyproject.toml
	@PYTHON="$(PYTHON)" scripts/environment .venv-ray ort,tflite,files,ray,test 13

.venv-demo/ready: pyproject.toml
	@PYTHON="$(PYTHON)" scripts/environment .venv-demo ort,files,bench 99

# TensorFlow has no wheels beyond Python 3.13.
.venv/ready: pyproject.toml
	@PYTHON="$(PYTHON)" scripts/environment .venv ort,tflite,files,host,bench,test 13

clean:
	rm -rf .venv .venv-demo .venv-gstreamer .venv-ray build dist demo-output edgeqe.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
