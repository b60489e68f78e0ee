/**
 * The page of live examples: a text to change, knobs to move, a button to run, and what came of it.
 */
import * as millrace from 'millrace'
import type { RunOptions, Runnable } from 'millrace'
import { systemEnv } from 'millrace/direct'
import * as testing from 'millrace/testing'
import { clockText } from '../pictures/time-time.js'
import type { Recording } from '../pictures/recording.js'
import { type Game, play } from './draw.js'
import { type Example, EXAMPLES, type Knob } from './examples.js'
import { type Modules, runCode } from './run-code.js'

const find = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E
const made = <K extends keyof HTMLElementTagNameMap>(name: K, words = '', className = ''): HTMLElementTagNameMap[K] => {
  const element = document.createElement(name)
  element.textContent = words
  element.className = className
  return element
}

const code = find<HTMLTextAreaElement>('code')
const output = find('output')
const picture = find('picture')
const panes = find('panes')
const state = find('state')
const settings: Record<string, number | string> = {}
let example: Example = EXAMPLES[0] as Example

/** Keys of what is under way: a newer run makes the older one say nothing more. */
let latest = 0
let isRunning = false
let isStale = false

async function runNow(): Promise<void> {
  if (isRunning) {
    isStale = true
    return
  }
  isRunning = true
  const own = ++latest
  output.textContent = ''
  say('running', 'running …')
  try {
    await runCode(code.value, modulesOf(own))
    say('done', 'done')
  } catch (error) {
    output.append(made('span', error instanceof Error ? `${error.name}: ${error.message}` : String(error), 'fault'))
    say('failed', 'failed')
  } finally {
    isRunning = false
  }
  if (!isStale) return
  isStale = false
  await runNow()
}

function say(kind: string, words: string): void {
  state.textContent = words
  state.dataset['state'] = kind
}

function modulesOf(own: number): Modules {
  const show = (words: unknown): void => {
    if (own === latest) output.append(`${typeof words === 'string' ? words : JSON.stringify(words)}\n`)
  }
  const env = systemEnv({ print: show })
  const run = (pipeline: Runnable, options: RunOptions = {}): Promise<unknown> =>
    millrace.run(pipeline, { env, stageCompiler: 'closures', ...options })
  const draw = async (game: Game): Promise<void> => {
    const { recording, svg } = await play(game)
    if (own !== latest) return
    // The page's own style has the picture's.
    picture.innerHTML = svg.replace(/<style>.*<\/style>/, '')
    showPanes(recording)
  }
  return {
    millrace: { ...millrace, run },
    'millrace/testing': { ...testing },
    page: { show, draw, settings: { ...settings } },
  }
}

function showPanes(recording: Recording): void {
  const table = made('table')
  const head = made('tr')
  for (const words of ['at', 'window', 'pane', 'says']) head.append(made('th', words))
  table.append(head)
  for (const { now, start, end, timing, text } of recording.panes) {
    const row = made('tr')
    const name = timing === 'onTime' ? 'on time' : timing
    row.append(made('td', clockText(now)), made('td', `${clockText(start)}–${clockText(end)}`))
    row.append(made('td', name, timing), made('td', text))
    table.append(row)
  }
  panes.replaceChildren(table)
  const count = recording.dropped.length
  output.textContent = `${recording.panes.length} panes, ${count} ${count === 1 ? 'element' : 'elements'} dropped as late\n`
}

function choose(chosen: Example): void {
  example = chosen
  location.hash = chosen.id
  for (const tab of document.querySelectorAll<HTMLElement>('#examples button'))
    tab.setAttribute('aria-selected', String(tab.dataset['id'] === chosen.id))
  find('about').textContent = chosen.about
  code.value = chosen.code
  code.rows = Math.min(32, chosen.code.split('\n').length + 2)
  picture.replaceChildren()
  panes.replaceChildren()
  output.textContent = ''
  say('ready', '')
  for (const name of Object.keys(settings)) delete settings[name]
  find('knobs').replaceChildren(...chosen.knobs.map(knobOf))
}

function knobOf(knob: Knob): HTMLElement {
  const label = made('label', `${knob.label} `)
  if (knob.kind === 'choice') {
    const select = made('select')
    select.id = `knob-${knob.name}`
    select.append(...knob.choices.map((choice) => made('option', choice)))
    settings[knob.name] = knob.choices[0] ?? ''
    select.onchange = () => {
      settings[knob.name] = select.value
      void runNow()
    }
    label.append(select)
    return label
  }
  const input = made('input')
  const { min, max, step, value } = knob
  Object.assign(input, { type: 'range', id: `knob-${knob.name}`, min, max, step })
  input.value = String(value)
  const reading = made('output', `${value} ${knob.unit}`)
  settings[knob.name] = value
  input.oninput = () => {
    settings[knob.name] = Number(input.value)
    reading.textContent = `${input.value} ${knob.unit}`
    void runNow()
  }
  label.append(input, reading)
  return label
}

for (const each of EXAMPLES) {
  const tab = made('button', each.title)
  tab.type = 'button'
  tab.dataset['id'] = each.id
  tab.setAttribute('role', 'tab')
  tab.onclick = () => choose(each)
  find('examples').append(tab)
}
find('run').onclick = () => void runNow()
find('reset').onclick = () => choose(example)
code.onkeydown = (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault()
    void runNow()
  }
}
try {
  const theme = localStorage.getItem('tsd-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme
} catch {
  // Where nothing may be stored, the system's theme is the theme.
}
choose(EXAMPLES.find(({ id }) => id === location.hash.slice(1)) ?? example)
// Until here a click would have been lost.
find<HTMLButtonElement>('run').disabled = false
