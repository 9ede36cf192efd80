import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layeringProblems, unitOf } from './check.ts'
import { importsOf } from './imports.ts'
import { edges, lineLimits, order, protocol } from './order.ts'
import { workspaceSources } from './workspace.ts'

const small = { order: [['a'], ['b/low.ts'], ['b', 'c']], protocol: ['a'], edges: ['a/edge'] }
const problems = (files: { readonly [path: string]: string }): string[] => layeringProblems(new Map(Object.entries(files)), small)

void test('the workspace keeps its order', () => {
  assert.deepEqual(layeringProblems(workspaceSources(), { order, protocol, edges }), [])
})

void test('what the order names is there', () => {
  const paths = [...workspaceSources().keys()]
  const named = [...order.flat(), ...protocol, ...edges]
  assert.deepEqual(
    named.filter((unit) => !paths.some((path) => unitOf(path, [unit]) !== undefined)),
    [],
  )
})

void test('no source file has outgrown its limit', () => {
  const long = [...workspaceSources()].filter(([, source]) => source.split('\n').length > lineLimits.refused).map(([path]) => path)
  assert.deepEqual(long, [])
})

void test('downward imports and those within a unit are fine', () => {
  assert.deepEqual(
    problems({
      'a/x.ts': '',
      'b/low.ts': `import { x } from '../a/x.ts'`,
      'b/y.ts': `import './low.ts'\nimport { z } from './z.ts'`,
      'b/z.ts': '',
    }),
    [],
  )
})

void test('an upward import names both files', () => {
  assert.deepEqual(problems({ 'a/x.ts': `import type {\n  Y,\n} from '../b/y.ts'`, 'b/y.ts': '' }), [
    'a/x.ts imports b/y.ts: a may not know b',
  ])
  assert.deepEqual(problems({ 'a/x.ts': `await import('@millrace/c')`, 'c/index.ts': '' }), ['a/x.ts imports c/index.ts: a may not know c'])
})

void test('neighbours in a row do not know each other', () => {
  assert.deepEqual(problems({ 'b/x.ts': `export * from '../c/y.ts'`, 'c/y.ts': '' }), ['b/x.ts imports c/y.ts: b may not know c'])
})

void test('a circle within a unit is found', () => {
  assert.deepEqual(problems({ 'b/x.ts': `import { y } from './y.ts'`, 'b/y.ts': `import { x } from './x.ts'` }), [
    'circular: b/x.ts -> b/y.ts -> b/x.ts',
  ])
  assert.deepEqual(problems({ 'b/x.ts': `import type { Y } from './y.ts'`, 'b/y.ts': `import { x } from './x.ts'` }), [])
})

void test('a file that no unit names is refused', () => {
  assert.deepEqual(problems({ 'd/x.ts': '' }), ['d/x.ts is in no unit of scripts/layering/order.ts'])
})

void test('protocol code may not reach the machine, but its declared edges may', () => {
  for (const source of [
    `import fs from 'node:fs/promises'`,
    'Date.now()',
    'setTimeout(f)',
    'Math.random()',
    'performance.now()',
    'new Date()',
  ]) {
    assert.equal(problems({ 'a/x.ts': source }).length, 1, source)
    assert.deepEqual(problems({ 'a/edge/x.ts': source, 'b/x.ts': source }), [])
  }
  assert.deepEqual(problems({ 'a/x.ts': '// not Date.now()\n/* nor setTimeout */' }), [])
})

void test('imports are read from every form, and not from comments', () => {
  const source = [
    `import a from './1.ts'`,
    `import b, { type C } from "./2.ts"`,
    `import * as d from './3.ts'`,
    `export { e } from './4.ts'`,
    `export * from './5.ts'`,
    `import './6.ts'`,
    `const f = await import('./7.ts')`,
    `export type * from './8.ts'`,
    `// import x from './9.ts'`,
    `const text = "import x from './10.ts'"`,
  ].join('\n')
  assert.deepEqual(
    importsOf(source),
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ specifier: `./${n}.ts`, typeOnly: n === 8 })),
  )
})
