// What the pages name is there: files and folders of the repository, options, codes of errors, metrics.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, matchesGlob } from 'node:path'
import { test } from 'node:test'
import { environmentNameOf, readConfigFile, resolveOptions } from '@millrace/core'
import { engineOptionTable } from '@millrace/engine/options'
import { logOptionTable } from '../packages/cli/src/log-options.ts'
import { workspaceSources } from '../scripts/layering/workspace.ts'
import { commandsOf, root, spansOf, writtenPages } from './mentions.ts'
import { fencesOf } from './snippets.ts'

const pages = writtenPages()
const spans = pages.flatMap(spansOf)
const folders = ['packages', 'scripts', 'sim', 'bench', 'clients', 'docs', 'examples']
const isBuilt = (path: string): boolean => path.includes('node_modules') || /\/dist(\/|$)/.test(path)
const tree = [
  'package.json',
  ...globSync(
    folders.map((folder) => `${folder}/**`),
    { cwd: root, exclude: isBuilt },
  ),
]
const sources = tree
  .filter((path) => /^packages\/\w+\/src\/.*(?<!\.test)\.ts$/.test(path))
  .map((path) => readFileSync(join(root, path), 'utf8'))
  .join('\n')

/** As the pages write it: `engine/api/job.ts` for `packages/engine/src/api/job.ts`. */
function shortened(path: string): string {
  return path.replace(/^packages\//, '').replace(/^(\w+\/)?src(?:\/|$)/, '$1')
}

const shortTree = tree.map(shortened)
const endings = new Set(shortTree.flatMap((path) => path.split('/').map((_, index, parts) => parts.slice(index).join('/'))))

/** Whether something in the repository ends so, counted in whole names; a beginning with a dot may end any name. */
function isThere(mention: string): boolean {
  const path = shortened(mention.replace(/^(\.\.?\/)+/, '').replace(/\/$/, ''))
  if (path.startsWith('.')) return tree.some((each) => each.endsWith(path))
  if (/[*{]/.test(path)) return shortTree.some((each) => matchesGlob(each, path) || matchesGlob(each, `**/${path}`))
  return endings.has(path)
}

/** What a page calls a file or folder of ours. In the guide and the examples only what begins with one of our folders: `orders.ts` is the user's. */
function isPath({ place, text }: { readonly place: string; readonly text: string }): boolean {
  if (/[\s<>:…=()]/.test(text)) return false
  if (folders.includes(text.split('/')[0]!) && text.includes('/')) return true
  if (place.startsWith('docs/guide/') || place.startsWith('docs/reference/') || /^(README|examples)/.test(place)) return false
  return /^[\w@{}*,./-]+\.(ts|sh|java|jsonl|gz|conf)$/.test(text) || /^[a-z][\w-]*(\/[a-z][\w-]*)*\/([a-z][\w-]*)?$/.test(text)
}

void test('files and folders that pages name are there', () => {
  const paths = spans.filter(isPath)
  assert.ok(paths.length > 200, `${paths.length} paths`)
  assert.deepEqual(
    paths.filter(({ text }) => !isThere(text)).map(({ place, text }) => `${place}: ${text}`),
    [],
  )
})

void test('a path that is not there is noticed', () => {
  assert.ok(isThere('packages/engine/src/api/job.ts') && isThere('engine/api') && isThere('api/job.ts') && isThere('threads/'))
  assert.ok(!isThere('packages/engine/src/api/jobs.ts') && !isThere('api/graph/job.ts') && !isThere('pi/job.ts'))
})

/** `engine/state`, and what of it pages may say: `state/`, `engine/state/rows`. */
function isDescribed(folder: string, texts: readonly string[]): boolean {
  const name = folder.split('/')[1]!
  return texts.some((text) => [folder, name].some((each) => text === each || text.startsWith(`${each}/`)))
}

void test('the internals say of each folder of a package what it is', () => {
  const texts = spans.filter(({ place }) => place.startsWith('docs/internals/')).map(({ text }) => shortened(text))
  const folders = new Set(
    [...workspaceSources().keys()].filter((path) => path.split('/').length > 2).map((path) => path.split('/').slice(0, 2).join('/')),
  )
  assert.ok(folders.size > 30, `${folders.size} folders`)
  assert.deepEqual(
    [...folders].filter((folder) => !isDescribed(folder, texts)),
    [],
  )
  assert.ok(!isDescribed('engine/nowhere', texts))
})

const table = { ...engineOptionTable, ...logOptionTable }
const optionKeys = Object.keys(table)
const sections = new Set(optionKeys.filter((key) => key.includes('.')).map((key) => key.split('.')[0]!))

function isOption(name: string): boolean {
  return optionKeys.some((key) => key === name || key.startsWith(`${name}.`))
}

void test('options that pages name are in the table', () => {
  // Of the other systems, and mappings of settings by Kafka's names.
  const others = new Set(['state.dir', 'state.ts', 'broker.config', 'client.config', 'client.ts', 'log.faults', 'log.ended', 'log.dirs'])
  const named = spans.filter(({ text }) => /^[a-z]+(\.[a-z][A-Za-z0-9]*)+$/.test(text) && sections.has(text.split('.')[0]!))
  assert.ok(named.length > 30, `${named.length} options`)
  const unknown = named.filter(({ text }) => !isOption(text) && !others.has(text) && !/\.ts$|^log\.(faults|[a-z]+\.)/.test(text))
  assert.deepEqual(
    unknown.map(({ place, text }) => `${place}: ${text}`),
    [],
  )
})

/** Of files for orchestrators. */
const foreignSections = new Set(['apiVersion', 'containers', 'services', 'spec'])

void test('files of options in pages are accepted', async () => {
  const blocks = pages.flatMap(({ path, text }) =>
    fencesOf(text)
      .filter(({ language }) => language === 'yaml')
      .map((fence) => ({ place: `${path}:${fence.line}`, text: fence.text })),
  )
  assert.ok(blocks.length > 3)
  for (const { place, text } of blocks) {
    const disk = { open: undefined, readFile: async () => Buffer.from(text), stat: async () => ({ kind: 'file' }) }
    const file = await readConfigFile(disk as never, place, false)
    const content = structuredClone(file!.content) as { [section: string]: { config?: unknown } }
    if (Object.keys(content).some((key) => foreignSections.has(key))) continue
    for (const section of ['broker', 'client']) delete content[section]?.config
    assert.doesNotThrow(() => resolveOptions(table, { file: { path: place, content } }), place)
  }
})

/** Names of others that are written like our codes. */
const foreignNames = new Set([
  'HADOOP_USER_NAME',
  'NODE_COMPILE_CACHE',
  'WALL_CLOCK_TIME',
  'XDG_CACHE_HOME',
  'STREAM_TIME',
  'UV_THREADPOOL_SIZE',
])

void test('codes that pages name are those of the code', () => {
  const inBlocks = pages.flatMap(({ path, text }) =>
    fencesOf(text).flatMap((fence) =>
      [...fence.text.matchAll(/\[([A-Z]+(?:_[A-Z0-9]+)+)\]/g)].map((match) => ({ place: path, text: match[1]! })),
    ),
  )
  const codes = [...spans.filter(({ text }) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(text)), ...inBlocks]
  assert.ok(codes.length > 50, `${codes.length} codes`)
  const unknown = codes.filter(({ text }) => !foreignNames.has(text) && !new RegExp(`\\b${text}\\b`).test(sources))
  assert.deepEqual(
    unknown.map(({ place, text }) => `${place}: ${text}`),
    [],
  )
})

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: { readonly [name: string]: string }
}

/** The sources that may say what the flags of a script of `package.json` are: those of its folder. */
function sourcesOf(script: string): string {
  const folder = dirname(/[\w./-]+\.ts/.exec(scripts[script]!)![0])
  return tree
    .filter((path) => path.startsWith(`${folder}/`) && path.endsWith('.ts'))
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n')
}

void test('npm scripts that pages name are there, and know the flags that they are given', () => {
  const calls = pages.flatMap(commandsOf).flatMap(({ place, text }) => {
    const match = /^npm run ([\w:-]+)(?: -- (.*))?$/.exec(text)
    return match === null
      ? []
      : [{ place, script: match[1]!, flags: [...(match[2] ?? '').matchAll(/--([a-z][a-z-]*)/g)].map(([, flag]) => flag!) }]
  })
  assert.ok(calls.length > 30, `${calls.length} calls`)
  const unknown = calls.flatMap(({ place, script, flags }) => {
    if (scripts[script] === undefined) return [`${place}: npm run ${script}`]
    if (flags.length === 0) return []
    const source = sourcesOf(script)
    return flags
      .filter((flag) => !new RegExp(`(?:['"]|--|\\b)${flag}\\b`).test(source))
      .map((flag) => `${place}: npm run ${script} -- --${flag}`)
  })
  assert.deepEqual(unknown, [])
})

void test('variables of the environment that pages set are read', () => {
  const all = tree
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n')
  const named = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\b(MILLRACE_[A-Z_]+|SIM_[A-Z]+)=/g)].map((match) => `${path}: ${match[1]!}`),
  )
  assert.ok(named.length > 5, `${named.length} variables`)
  const isRead = (name: string): boolean =>
    all.includes(`'${name}'`) || all.includes(`env.${name}`) || optionKeys.some((key) => environmentNameOf(key) === name)
  assert.deepEqual(
    named.filter((each) => !isRead(each.split(': ')[1]!)),
    [],
  )
})

void test('metrics that pages name are counted', () => {
  const named = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\bmillrace_([a-z]+(?:_[a-z]+)+)/g)]
      .map((match) => ({ place: path, text: match[1]! }))
      // One that the job of the page declares.
      .filter((metric) => !text.includes(`'${metric.text.replace(/_total$/, '')}'`)),
  )
  assert.ok(named.length > 20)
  // `_total` is what Prometheus wants behind the name of a counter.
  const unknown = named.filter(({ text }) => !sources.includes(text.replace(/_total$/, '')))
  assert.deepEqual(
    unknown.map(({ place, text }) => `${place}: millrace_${text}`),
    [],
  )
})

/** What tables of correspondences name that is not a name of the code: file names and words of shells, and names of variables in their examples. */
const ofExamples = new Set(['job', 'stream', 'late', 'fn', 'x', 'Ctrl', 'env'])

/** The names of ours in the last column of a page's tables: what is called, read and set, without texts, commands, flags and options. */
function namesOfOurs({ path, text }: { readonly path: string; readonly text: string }): readonly { place: string; name: string }[] {
  const rows = text
    .split('\n')
    .flatMap((line, at) => (line.startsWith('| ') && !/^[|: -]*$/.test(line) ? [{ at, cells: line.split(/(?<!\\)\|/) }] : []))
  return rows.flatMap(({ at, cells }) =>
    [...(cells.at(-2) ?? '').matchAll(/`([^`]+)`/g)]
      .map((match) => match[1]!)
      .filter((span) => !/^(-|millrace|[A-Z_…]+$|\w+\.yaml)/.test(span) && !isOption(span))
      .flatMap((span) =>
        [...span.replace(/'[^']*'/g, '').matchAll(/[A-Za-z]\w*/g)].map(([name]) => ({ place: `${path}:${at + 1}`, name })),
      ),
  )
}

void test('what the pages for those who come from elsewhere say a thing is called here, it is', () => {
  const names = pages.filter(({ path }) => /guide\/from-/.test(path)).flatMap(namesOfOurs)
  assert.ok(names.length > 100, `${names.length} names`)
  const unknown = names.filter(({ name }) => !ofExamples.has(name) && !new RegExp(`\\b${name}\\b`).test(sources))
  assert.deepEqual(unknown, [])
  const [wrong] = namesOfOurs({ path: 'a', text: '| `rebalance` | `spreadEvenly(how)` |' })
  assert.ok(wrong?.name === 'spreadEvenly' && !/\bspreadEvenly\b/.test(sources))
})
