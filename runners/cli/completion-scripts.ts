/**
 * Scripts that let a shell complete commands, options, their values and files. They are made of the command table and call
 * nothing of millrace when they run, so that pressing Tab costs no start of Node.
 *
 * Law: every command and option of the table is offered; no text of the table can end a quotation.
 */
import { type CommandRow, commands, globalOptions, type Shell } from './commands.js'
import type { OptionRow } from './setting-rows.js'

/** What a module's name ends in. */
const ENDINGS = ['ts', 'mts', 'cts', 'tsx', 'js', 'mjs', 'cjs', 'jsx']

/** The script for a shell. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript()
    case 'zsh':
      return zshScript()
    case 'fish':
      return fishScript()
  }
}

/** `--name`, and `--no-name` for flags that may be taken back. */
function namesOf({ name, value, short, setting }: OptionRow): readonly string[] {
  const isTakenBack = setting !== undefined && value === undefined
  return [`--${name}`, ...(isTakenBack ? [`--no-${name}`] : []), ...(short === undefined ? [] : [`-${short}`])]
}

// ---- bash ----------------------------------------------------------------------------------------------------------

function bashScript(): string {
  const valued = (row: CommandRow): string =>
    row.options
      .filter(({ value }) => value !== undefined)
      .map(({ name }) => `--${name}`)
      .join('|')
  const valueCases = commands.flatMap((command) =>
    command.options.flatMap((option) => {
      if (option.value === undefined) return []
      const offer =
        option.values !== undefined
          ? `_millrace_words '${option.values.join(' ')}'`
          : option.isPath === true
            ? "_millrace_files ''"
            : ':'
      return [`    ${command.name}:--${option.name}) ${offer}; return;;`]
    }),
  )
  const operandCases = commands.flatMap((command) =>
    command.operands.map(({ kind, values }, at) => {
      const offer =
        values !== undefined
          ? `_millrace_words '${values.join(' ')}'`
          : kind === 'folder'
            ? '_millrace_folders'
            : `_millrace_files '${ENDINGS.join(' ')}'`
      return `    ${command.name}:${at}) ${offer};;`
    }),
  )
  return `# bash completion for millrace: source <(millrace completion bash)
_millrace_words() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
}
_millrace_folders() {
  local name
  compopt -o filenames 2>/dev/null
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -d -- "$cur")
}
_millrace_files() {
  local name
  compopt -o filenames 2>/dev/null
  while IFS= read -r name; do
    if [[ -z $1 || -d $name || " $1 " == *" \${name##*.} "* ]]; then COMPREPLY+=("$name"); fi
  done < <(compgen -f -- "$cur")
}
_millrace() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  local at operands=0 options= valued=
  COMPREPLY=()
  # "--format=svg" is three words to bash.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if (( COMP_CWORD == 1 )); then
    _millrace_words '${[...commands.map(({ name }) => name), 'help', ...globalOptions.flatMap(namesOf)].join(' ')}'
    return
  fi
  case $command in
${commands.map((row) => `    ${row.name}) options='${row.options.flatMap(namesOf).join(' ')}' valued='${valued(row)}';;`).join('\n')}
    help) (( COMP_CWORD == 2 )) && _millrace_words '${commands.map(({ name }) => name).join(' ')}'; return;;
    *) return;;
  esac
  case $command:$prev in
${valueCases.join('\n')}
  esac
  if [[ $cur == -* ]]; then _millrace_words "$options"; return; fi
  for (( at = 2; at < COMP_CWORD; at++ )); do
    if [[ "|$valued|" == *"|\${COMP_WORDS[at]}|"* ]]; then
      [[ \${COMP_WORDS[at+1]} == = ]] && (( at++ ))
      (( at++ ))
    elif [[ \${COMP_WORDS[at]} != -* ]]; then (( operands++ )); fi
  done
  case $command:$operands in
${operandCases.join('\n')}
  esac
}
complete -F _millrace millrace
`
}

// ---- zsh -----------------------------------------------------------------------------------------------------------

function zshScript(): string {
  const inQuotes = (text: string): string => text.replaceAll("'", "'\\''")
  const plain = (text: string): string => inQuotes(text.replaceAll(/[[\]:\\]/g, '\\$&'))
  const files = `_files -g "*.(${ENDINGS.join('|')})(-.)"`
  const argument = ({ name, value, values, isPath }: OptionRow): string => {
    if (value === undefined) return ''
    const offer = values !== undefined ? `(${values.join(' ')})` : isPath === true ? '_files' : ''
    return `=:${plain(value === '' ? name : value)}:${offer}`
  }
  const optionArguments = (option: OptionRow): readonly string[] =>
    namesOf(option).map((name) => {
      const help = name.startsWith('--no-') ? `not --${option.name}` : option.help
      return `'${name}${argument(option).startsWith('=') ? '=' : ''}[${plain(help)}]${argument(option).slice(1)}'`
    })
  const operandArguments = ({ operands }: CommandRow): readonly string[] =>
    operands.map(({ name, kind, values }, at) => {
      const offer = values !== undefined ? `(${values.join(' ')})` : kind === 'folder' ? '_files -/' : files
      return `'${at + 1}:${plain(name)}:${offer}'`
    })
  const cases = commands.map(
    (command) =>
      `    ${command.name}) _arguments ${[...command.options.flatMap(optionArguments), ...operandArguments(command)].join(' \\\n      ')};;`,
  )
  return `#compdef millrace
# zsh completion for millrace: put it as _millrace into a folder of $fpath
_millrace() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${inQuotes(summary.replaceAll(':', '\\:'))}'`).join('\n')}
    'help:show help'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments ${globalOptions.flatMap(optionArguments).join(' ')}
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
    help) _describe command commands;;
  esac
}
if [[ $funcstack[1] == _millrace ]]; then _millrace "$@"; else compdef _millrace millrace; fi
`
}

// ---- fish ----------------------------------------------------------------------------------------------------------

function fishScript(): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = ['# fish completion for millrace', 'complete -c millrace -f']
  const first = '-n __fish_use_subcommand'
  for (const { name, summary } of commands) lines.push(`complete -c millrace ${first} -a ${name} -d ${quoted(summary)}`)
  for (const { name, help, short } of globalOptions) {
    const letter = short === undefined ? '' : ` -s ${short}`
    lines.push(`complete -c millrace ${first} -l ${name}${letter} -d ${quoted(help)}`)
  }
  for (const { name: command, options, operands } of commands) {
    const within = `-n '__fish_seen_subcommand_from ${command}'`
    for (const { name, value, values, help, short, isPath, setting } of options) {
      const letter = short === undefined ? '' : ` -s ${short}`
      const taken =
        value === undefined
          ? ''
          : values !== undefined
            ? ` -x -a ${quoted(values.join(' '))}`
            : isPath === true
              ? ' -r -F'
              : ' -x'
      lines.push(`complete -c millrace ${within} -l ${name}${letter}${taken} -d ${quoted(help)}`)
      if (setting !== undefined && value === undefined)
        lines.push(`complete -c millrace ${within} -l no-${name} -d ${quoted(`not --${name}`)}`)
    }
    for (const { kind, values } of operands) {
      const offer =
        values !== undefined
          ? `-a ${quoted(values.join(' '))}`
          : kind === 'folder'
            ? "-a '(__fish_complete_directories)'"
            : '-F'
      lines.push(`complete -c millrace ${within} ${offer}`)
    }
  }
  return `${lines.join('\n')}\n`
}
