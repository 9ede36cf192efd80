// What the check of docstrings sees, in a small package; `npm run verify -- docstrings` holds it for ours. It starts the compiler.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { docstringProblems, publicEntries } from './docstrings.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-docstrings-'))
after(() => rmSync(folder, { recursive: true }))

const files = {
  'index.ts': `
    export { told, untold, tagsAlone } from './functions.ts'
    export type { SinkOptions, Place } from './types.ts'
    export * as inner from './inner.ts'`,
  'second.ts': `
    export { untold as seenBefore } from './functions.ts'
    export type { SinkSettings } from './types.ts'`,
  'functions.ts': `
    /** Answers 1. */
    export function told(): number { return 1 }
    export const untold = 2
    /** @throws \`NEVER\` */
    export function tagsAlone(): void {}`,
  'types.ts': `
    interface Common {
      inherited?: string
    }
    /** Where to. */
    export interface SinkOptions extends Common {
      /** Milliseconds; 10 by default. */
      toldMs?: number
      untold?: string
    }
    /** All of it. */
    export type SinkSettings = SinkOptions & { more: number }
    /** What is no option needs no docstring for each member. */
    export interface Place { line: number }`,
  'inner.ts': 'export const deep = 3',
  'tsconfig.json': JSON.stringify({ compilerOptions: { module: 'nodenext', noEmit: true, types: [] }, include: ['*.ts'] }),
}
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)

const problemsOf = (...names: readonly string[]): readonly string[] =>
  docstringProblems(
    join(folder, 'tsconfig.json'),
    names.map((name) => ({ name, path: join(folder, name) })),
  )

void test('names without a docstring are found through re-exports, once, and members of options as well', () => {
  assert.deepEqual(problemsOf('index.ts', 'second.ts'), [
    'index.ts: untold',
    'index.ts: tagsAlone',
    'index.ts: SinkOptions.untold',
    'index.ts: SinkOptions.inherited',
    'index.ts: inner.deep',
    'second.ts: SinkSettings.more',
  ])
})

void test('an entry that the compiler does not know is a problem, not silence', () => {
  assert.deepEqual(problemsOf('missing.ts'), [`missing.ts: ${join(folder, 'missing.ts')} is no module of ${join(folder, 'tsconfig.json')}`])
})

void test('the entries of all packages are looked at, but those that only the packages themselves start', () => {
  const names = publicEntries().map(({ name }) => name)
  for (const name of ['millrace', 'millrace/kafka', '@millrace/engine/replay', '@millrace/log/client', '@millrace/testkit'])
    assert.ok(names.includes(name), name)
  assert.ok(!names.some((name) => name.includes('internal')), names.join())
})
