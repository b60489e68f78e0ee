/**
 * Writes the page of live examples: markup, a style, and one script with the whole package in it. It also works from a file,
 * and its policy allows neither other addresses nor code made from text.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { PALETTE, PICTURE_STYLE } from '../pictures/svg.js'

/** What the page may do: run its own script and, from memory, that of its reader. */
export const LIVE_POLICY =
  "default-src 'none'; script-src 'self' blob:; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"

/** Writes the page into the site. */
export async function writeLivePage(root: string, out: string, name: string): Promise<void> {
  mkdirSync(join(out, 'assets'), { recursive: true })
  await build({
    entryPoints: [join(root, 'dist', 'conformance', 'docs', 'live', 'page.js')],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    keepNames: true,
    legalComments: 'none',
    platform: 'browser',
    // A page that is opened from a file may not load modules.
    format: 'iife',
    target: 'es2022',
    outfile: join(out, 'assets', 'live.js'),
    logLevel: 'silent',
    tsconfigRaw: '{}',
  })
  writeFileSync(join(out, 'assets', 'live.css'), styleOf(readFileSync(join(root, 'docs', 'live.css'), 'utf8')))
  copyFileSync(join(root, 'docs', 'favicon.svg'), join(out, 'assets', 'favicon.svg'))
  writeFileSync(join(out, name), PAGE)
}

function styleOf(own: string): string {
  const variables = (theme: Readonly<Record<string, string>>): string =>
    Object.entries(theme)
      .map(([role, colour]) => `--${role}:${colour}`)
      .join(';')
  const themes = [
    `:root{${variables(PALETTE.light)}}`,
    `@media (prefers-color-scheme:dark){:root{${variables(PALETTE.dark)}}}`,
    `:root[data-theme=light]{${variables(PALETTE.light)}}`,
    `:root[data-theme=dark]{${variables(PALETTE.dark)}}`,
  ]
  return [...themes, PICTURE_STYLE, own].join('\n')
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="${LIVE_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Live examples | millrace</title>
<link rel="icon" href="assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/live.css">
</head>
<body>
<header>
<a href="index.html">millrace</a>
<h1>Live examples</h1>
<p>The direct runner, in this page. Change the code and press Run, or Ctrl+Enter. Nothing leaves your browser.</p>
</header>
<main>
<div id="examples" role="tablist" aria-label="Examples"></div>
<p id="about"></p>
<div class="sides">
<section aria-label="Code">
<textarea id="code" spellcheck="false" autocapitalize="off" autocomplete="off" aria-label="Code"></textarea>
<div class="actions">
<button id="run" type="button" disabled>Run</button>
<button id="reset" type="button">Start over</button>
<span id="state" role="status"></span>
</div>
</section>
<section aria-label="Result">
<div id="knobs"></div>
<div id="picture"></div>
<pre id="output"></pre>
<div id="panes"></div>
</section>
</div>
</main>
<script src="assets/live.js"></script>
</body>
</html>
`
