"""The page's style sheet: one column that fits a phone and a desktop, by day and by night."""

STYLE = """\
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d8dee4; --strong: #9aa4af;
  --card: #f6f8fa; --tint: #e8f2fb; --accent: #005a96; --warn: #8a3b00; --warn-card: #fff1e5;
  --seen: calc(min(100vw, 80rem) - 3rem);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181d; --ink: #e3e8ee; --faint: #9ba6b2; --line: #2f3740; --strong: #5d6873;
    --card: #1c2229; --tint: #16304a; --accent: #79b8f3; --warn: #ffb77c; --warn-card: #33220f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 80rem;
  background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 3rem 0 0.75rem; font-size: 1.25rem; line-height: 1.3; }
h3 { margin: 2rem 0 0.25rem; font-size: 1rem; line-height: 1.4; }
p { margin: 0.5rem 0; max-width: 46rem; }
.faint, figcaption, caption { color: var(--faint); font-size: 0.875rem; }
.advice, .warning {
  margin: 1.25rem 0; padding: 0.75rem 1rem; max-width: none;
  border-left: 0.25rem solid var(--accent); background: var(--card); font-weight: 600;
}
.warning { border-color: var(--warn); background: var(--warn-card); color: var(--warn); }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1.25rem 0 0; }

/* A wide table scrolls in its own box, and its first column stays in sight. */
.scroll { margin: 1rem 0 0; overflow-x: auto; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table {
  border-collapse: collapse; border-bottom: 1px solid var(--line);
  font-size: 0.875rem; font-variant-numeric: tabular-nums;
}
caption { padding: 0 0 0.5rem; text-align: left; }
caption span { display: inline-block; position: sticky; left: 0; max-width: var(--seen); }
th, td { padding: 0.3rem 0.5rem; text-align: right; white-space: nowrap; }
thead th {
  color: var(--faint); font-weight: 600; line-height: 1.25;
  vertical-align: bottom; white-space: normal;
}
tbody tr { border-top: 1px solid var(--line); }
tbody tr:first-child, tbody tr.begins { border-top-color: var(--strong); }
th:first-child {
  position: sticky; left: 0; z-index: 1; min-width: 11.5rem; max-width: 22rem;
  background: var(--page); text-align: left; white-space: normal; overflow-wrap: anywhere;
}
tbody th { font-weight: 500; }
tr.marked > td, tr.marked > th { background: var(--tint); }
tr.marked > th { font-weight: 700; }
.words { text-align: left; }

figure { margin: 1.25rem 0 0; }
img { display: block; max-width: 100%; height: auto; }
.plots { display: grid; gap: 0 1.5rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.plot img, .plots img {
  padding: 0.5rem; border: 1px solid var(--line); border-radius: 0.375rem; background: #ffffff;
}
.plots img { width: 100%; }
.crops { display: grid; gap: 1rem; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.crops figure { margin: 0.5rem 0 0; }
.crops img { image-rendering: pixelated; }
figcaption { margin: 0.4rem 0 0; font-variant-numeric: tabular-nums; }

dl { margin: 0.75rem 0; font-size: 0.875rem; }
dl div { display: grid; grid-template-columns: 10rem minmax(0, 1fr); gap: 0 1rem; padding: 0.15rem 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 0.5rem 0; padding-left: 1.25rem; max-width: 46rem; }

@media (max-width: 44rem) {
  :root { --seen: calc(100vw - 2rem); }
  body { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.375rem; }
  /* Wide enough for half a model's name: most of the screen stays for the figures. */
  th:first-child { min-width: 7.5rem; max-width: 7.5rem; }
  .plots, .crops { grid-template-columns: minmax(0, 1fr); }
  .plot img, .plots img { padding: 0; }
  .crops img { width: 100%; }
  dl div { grid-template-columns: minmax(0, 1fr); padding: 0.25rem 0; }
}
@media print {
  .scroll { overflow-x: visible; }
  section { break-inside: auto; }
  figure, tr { break-inside: avoid; }
}
"""
