// Every command and flag that the documentation names exists, and every one that exists is in the reference.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { engineFlags, logFlags } from '../packages/cli/src/settings.ts'
import { buildProgram } from '../packages/cli/src/program.ts'
import { commandsOf, root, shellCommands, spansOf, writtenPages, type Mention } from './mentions.ts'

type Command = ReturnType<typeof buildProgram>

const silent = { write: () => true }
const program = buildProgram('0', { stdout: silent, stderr: silent } as unknown as Parameters<typeof buildProgram>[1], () => {})

/** What is wrong with a command as the documentation writes it, or undefined. */
function problemOf(text: string): string | undefined {
  const [name, ...words] = text.replace(/^npx /, '').split(/\s+/)
  if (name !== 'millrace') return undefined
  let command: Command = program
  while (words.length > 0 && command.commands.length > 0 && /^\w/.test(words[0]!)) {
    const next = command.commands.find((each) => each.name() === words[0])
    if (next === undefined) return `${command.name()} has no command ${words[0]}`
    command = next
    words.shift()
  }
  for (const word of words) {
    if (!/^-{1,2}[A-Za-z]/.test(word)) continue
    const flag = word.startsWith('--') ? word.replace(/=.*/, '') : word.slice(0, 2)
    const isKnown = flag === '--help' || flag === '-h' || command.options.some(({ long, short }) => long === flag || short === flag)
    if (!isKnown) return `millrace ${command.name()} has no flag ${flag}`
  }
  return undefined
}

function allCommands(command: Command = program): readonly Command[] {
  return [command, ...command.commands.flatMap((each) => allCommands(each))]
}

const pages = writtenPages()
const inExamples = globSync('examples/*.ts', { cwd: root }).flatMap((path) =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/^\/\/ +(millrace .*)$/gm)].flatMap((match) =>
    shellCommands(match[1]!).map((text): Mention => ({ place: path, text })),
  ),
)
const commands = [...pages.flatMap(commandsOf), ...inExamples].filter(({ text }) => /^(npx )?millrace /.test(text))

void test('a command or flag that is not there is found', () => {
  assert.equal(problemOf('npx millrace run job.ts -p2 --restore=latest'), undefined)
  assert.equal(problemOf('millrace runs job.ts'), 'millrace has no command runs')
  assert.equal(problemOf('millrace topics list --parallelism 2'), 'millrace list has no flag --parallelism')
})

void test('commands in the documentation exist, with their flags', () => {
  assert.ok(commands.length > 100, `${commands.length} commands`)
  const problems = commands.flatMap(({ place, text }) => {
    const problem = problemOf(text)
    return problem === undefined ? [] : [`${place}: ${text}: ${problem}`]
  })
  assert.deepEqual(problems, [])
})

/** Flags of other programs that the pages speak of. */
const foreign = new Set([
  '--conditions',
  '--max-old-space-size',
  '--max-semi-space-size',
  '--heap-growing-percent',
  '--single-threaded-gc',
  '--no-parallel-scavenge',
  '--trace-gc',
  '--trace-gc-verbose',
  '--minor-ms',
])

void test('flags that stand alone in the text exist', () => {
  const known = new Set(allCommands().flatMap(({ options }) => options.map(({ long }) => long)))
  const scripts = globSync(['scripts/**/*.ts', 'sim/**/*.ts', 'bench/**/*.ts', 'clients/**/*.ts', 'packages/log/test/fuzz/*.ts'], {
    cwd: root,
  })
  const sources = scripts.map((path) => readFileSync(join(root, path), 'utf8')).join('\n')
  const declared = sources.matchAll(
    /(?:^|[{,\s])'?([a-z][a-z-]*)'?: (?:\{ (?:type: '(?:string|boolean)'|\.\.\.)|textOption|switchOption)|'(?:--)?([a-z][a-z-]*)'/gm,
  )
  const ofScripts = new Set([...declared].map((match) => match[1] ?? match[2]))
  const problems = pages.flatMap(spansOf).flatMap(({ place, text }) => {
    const flag = /^(--[a-z][a-z-]*)/.exec(text)?.[1]
    if (flag === undefined || known.has(flag) || foreign.has(flag) || ofScripts.has(flag.slice(2))) return []
    return [`${place}: ${flag}`]
  })
  assert.deepEqual(problems, [])
})

void test('the reference of the command line has every command, and its flags', () => {
  const page = readFileSync(join(root, 'docs/reference/command-line.md'), 'utf8')
  const ofTables = new Set([...engineFlags, ...logFlags].map(({ syntax }) => /--[\w-]+/.exec(syntax)![0]))
  const missing = allCommands()
    .filter((command) => command !== program && command.commands.length === 0)
    .flatMap((command) => {
      const parent = command.parent === program ? '' : `${command.parent!.name()} `
      const name = `${parent}${command.name()}`
      if (!new RegExp(`\\b${name}\\b`).test(page)) return [name]
      const own = command.options.filter(({ long, hidden }) => !hidden && long !== undefined && !ofTables.has(long))
      return own.flatMap(({ long }) => (page.includes(long!) ? [] : [`${name} ${long}`]))
    })
  assert.deepEqual(missing, [])
})
