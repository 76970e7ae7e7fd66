# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Sphinx's configuration for the guides: "ninja -C build docs" writes HTML, without the network."""

from pathlib import Path

project = "dpdk-virtio"
copyright = "the authors of dpdk-virtio"  # pylint: disable=redefined-builtin
release = Path(__file__).resolve().parents[2].joinpath("VERSION").read_text().strip()
version = release

needs_sphinx = "4.3"
root_doc = "index"
exclude_patterns = ["meson.build"]
highlight_language = "none"

html_theme = "alabaster"
html_theme_options = {
    "description": "A virtio poll mode driver for DPDK with reset of single queues",
    "page_width": "1240px",
    "body_max_width": "980px",
    "fixed_sidebar": False,
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_static_path = ["_static"]
html_css_files = ["guides.css"]
html_copy_source = False
html_show_copyright = False
