/**
 * Builds the whole site: the API reference and the hand-written pages by typedoc, the pictures put into their pages, and the
 * page of live examples. It needs no server and nothing from elsewhere.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { Application, type Context, Converter, KindRouter, LogLevel, type Reflection } from 'typedoc'
import { writeLivePage } from '../live/write-live-page.js'
import { sitePagesIn } from '../pages.js'
import { faultsOf, type SiteFiles } from './check-site.js'
import { FIRST_PAGE, stagePages } from './stage-pages.js'

/** The folder of the site, from the root. */
export const SITE_FOLDER = 'docs/site'
const LIVE_PAGE = 'live.html'

/** Builds the site under `root`. @returns what is wrong with it; nothing, when all is well. */
export async function buildSite(root: string): Promise<readonly string[]> {
  const staging = join(root, '.cache', 'site')
  const out = join(root, SITE_FOLDER)
  const { texts, copies, top } = stagePages(sitePagesIn(root), {
    isFile: (path) => existsSync(join(root, path)) && statSync(join(root, path)).isFile(),
    isFolder: (path) => existsSync(join(root, path)) && statSync(join(root, path)).isDirectory(),
    read: (path) => readFileSync(join(root, path), 'utf8'),
  })
  rmSync(staging, { recursive: true, force: true })
  for (const [path, text] of texts) {
    mkdirSync(dirname(join(staging, path)), { recursive: true })
    writeFileSync(join(staging, path), text)
  }
  for (const path of copies) {
    mkdirSync(dirname(join(staging, path)), { recursive: true })
    cpSync(join(root, path), join(staging, path))
  }
  const faults = await runTypedoc(root, staging, out, {
    readme: join(staging, FIRST_PAGE),
    projectDocuments: top.map((path) => join(staging, path)),
  })
  if (faults.length > 0) return faults
  await writeLivePage(root, out, LIVE_PAGE)
  finishPages(out)
  return faultsOf(filesOf(out))
}

/** Gives a page the address that its file has, whatever its title is. */
function routerFor(staging: string): new (application: Application) => KindRouter {
  return class extends KindRouter {
    protected override getIdealBaseName(target: Reflection): string {
      const file = target.isDocument() ? this.application.files.getReflectionPath(target) : undefined
      if (file === undefined) return super.getIdealBaseName(target)
      return relative(staging, file).split(sep).join('/').replace(/\.md$/, '')
    }
  }
}

async function runTypedoc(
  root: string,
  staging: string,
  out: string,
  pages: { readonly readme: string; readonly projectDocuments: string[] },
): Promise<readonly string[]> {
  const app = await Application.bootstrapWithPlugins({
    options: join(root, 'docs', 'typedoc.json'),
    logLevel: LogLevel.Warn,
    out,
    router: 'pages',
    ...pages,
  })
  app.renderer.defineRouter('pages', routerFor(staging))
  // A module is called what it is imported by.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }: Context) => {
    for (const module of project.children ?? []) module.name = module.name.replace(/^io\//, 'millrace/io/')
  })
  const project = await app.convert()
  if (project !== undefined && !app.logger.hasErrors()) {
    app.validate(project)
    if (!app.logger.hasErrors() && !app.logger.hasWarnings()) await app.generateOutputs(project)
  }
  const { errorCount, warningCount, validationWarningCount } = app.logger
  // A warning of validation is counted as either.
  const count = errorCount + Math.max(warningCount, validationWarningCount)
  return count === 0 && project !== undefined ? [] : [`typedoc has ${count} complaints, which stand above.`]
}

/** Puts pictures into their pages, where they follow the page's theme, and makes links to the live page relative. */
function finishPages(out: string): void {
  for (const path of pathsIn(out).filter((each) => each.endsWith('.html') && each !== LIVE_PAGE)) {
    const text = readFileSync(join(out, path), 'utf8')
    const up = posix.relative(posix.dirname(path), '.')
    const finished = text
      .replaceAll(`href="${LIVE_PAGE}"`, `href="${posix.join(up, LIVE_PAGE)}"`)
      .replace(/<img src="([^"]+\.svg)"[^>]*>/g, (image, source: string) => {
        const svg = join(out, posix.join(posix.dirname(path), source))
        return existsSync(svg) ? `<span class="mr-frame">${readFileSync(svg, 'utf8').trim()}</span>` : image
      })
    if (finished !== text) writeFileSync(join(out, path), finished)
  }
}

/** The files of the site, to be judged. */
export function filesOf(out: string): SiteFiles {
  return new Map(
    pathsIn(out).map((path) => [path, path.endsWith('.html') ? readFileSync(join(out, path), 'utf8') : undefined]),
  )
}

function pathsIn(out: string, folder = ''): readonly string[] {
  return readdirSync(join(out, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    return entry.isDirectory() ? pathsIn(out, path) : [path]
  })
}
