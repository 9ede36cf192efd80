// The page of the options about state, checkpoints and restarts: what each is called in Apache Flink, and which test shows its effect.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeDefault, type OptionDefinition, type OptionTable } from '@millrace/core'
import { engineOptionTable } from '@millrace/engine/options'

const root = join(import.meta.dirname, '..')

/** Options about something else. Whatever is not here has a row, and so needs a test. */
const elsewhere: ReadonlySet<string> = new Set(['parallelism', 'bufferTimeout', 'development', 'stuckTimeout'])
const groupsElsewhere: ReadonlySet<string> = new Set(['crashCapsules', 'metrics', 'log', 'sources'])

export function isCheckpointOption(key: string): boolean {
  return !elsewhere.has(key) && !(key.includes('.') && groupsElsewhere.has(key.slice(0, key.indexOf('.'))))
}

/** A test that says in its title, or in a comment before it, which option it shows: `option: checkpointing.interval`. */
export interface OptionTest {
  readonly key: string
  /** From the root of the repository. */
  readonly path: string
  readonly title: string
}

const title = /^\s*(?:void )?(?:test|it)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`$]*)`)/
const marker = /\boption: ([A-Za-z]\w*(?:\.\w+)*)/g

const comment = /^\s*(?:\/\/|\/?\*)/
const keysIn = (text: string): readonly string[] => [...text.matchAll(marker)].map((match) => match[1]!)

/** Finds the markers of one test file. A comment belongs to the next test. */
export function optionTestsIn(path: string, text: string): readonly OptionTest[] {
  const found: OptionTest[] = []
  let waiting: string[] = []
  for (const line of text.split('\n')) {
    const [matched, single, double, plain] = title.exec(line) ?? []
    if (matched === undefined) {
      if (comment.test(line)) waiting.push(...keysIn(line))
      continue
    }
    const name = (single ?? double ?? plain ?? '').replaceAll(/\\(.)/g, '$1')
    const keys = keysIn(name)
    found.push(...[...new Set([...waiting, ...keys])].map((key) => ({ key, path, title: name })))
    waiting = []
  }
  if (waiting.length > 0) throw new Error(`${path}: no test follows the marker of ${waiting.join(', ')}`)
  return found
}

/** Every marked test of the workspace. */
export function optionTests(): readonly OptionTest[] {
  const exclude = (path: string): boolean => path.includes('node_modules') || path.includes('/dist/')
  const files = globSync(['packages/**/*.test.ts', 'sim/**/*.test.ts', 'examples/**/*.test.ts', 'docs/**/*.test.ts'], {
    cwd: root,
    exclude,
  })
  return files.toSorted().flatMap((path) => optionTestsIn(path, readFileSync(join(root, path), 'utf8')))
}

/** Options that must have a test, and have none. */
export function untested(table: OptionTable, tests: readonly OptionTest[]): readonly string[] {
  const tested = new Set(tests.map(({ key }) => key))
  return Object.keys(table).filter((key) => isCheckpointOption(key) && !tested.has(key))
}

export function checkpointOptionsPage(notice: string): string {
  const tests = Map.groupBy(optionTests(), ({ key }) => key)
  const rows = Object.entries(engineOptionTable as OptionTable).filter(([key]) => isCheckpointOption(key))
  const groups = Map.groupBy(rows, ([key]) => (key.includes('.') ? key.slice(0, key.indexOf('.')) : 'state and restore'))
  const sections = [...groups].map(([group, options]) => {
    const lines = options.map(([key, definition]) => row(key, definition, tests.get(key) ?? []))
    return `## ${group}\n\n| option | in Flink | default | while the job runs | test |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`
  })
  return `# Options of state, checkpoints and restarts

${notice}

Each with its name in Apache Flink, its default, whether \`millrace config\` can change it [while the job runs](../guide/run.md#change-options-while-the-job-runs),
and the test that shows what it does. What each means is in the [reference of all options](options.md).

${sections.join('\n')}`
}

function row(key: string, definition: OptionDefinition, tests: readonly OptionTest[]): string {
  const links = tests.map(({ path, title: name }) => `[${cell(name)}](../../${path})`)
  const cells = [
    `[\`${key}\`](options.md#${key.toLowerCase().replaceAll('.', '')})`,
    definition.flink === undefined ? 'Millrace alone' : `\`${definition.flink}\``,
    cell(describeDefault(definition).replace(/^default: /, '')),
    definition.dynamic === true ? 'can change' : 'fixed',
    links.length === 0 ? '**none**' : links.join('; '),
  ]
  return `| ${cells.join(' | ')} |`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/[[\]]/g, '\\$&')
}
