import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snippetsOf } from './snippets.ts'

const page = (...lines: string[]): string => lines.join('\n')

void test('blocks of TypeScript are found, with their places', () => {
  assert.deepEqual(
    snippetsOf(
      'a.md',
      page('# x', '```ts', 'const a = 1', '```', '```sh', 'ls', '```', '', '```ts run', 'b()', '```', '```text output', 'b', '```'),
    ),
    [
      { place: 'a.md:2', source: 'const a = 1\n', runs: false, output: undefined },
      { place: 'a.md:9', source: 'b()\n', runs: true, output: 'b\n' },
    ],
  )
})

void test('a block may go on where another ended', () => {
  assert.deepEqual(snippetsOf('a.md', page('```ts', 'const a = 1', '```', 'then', '```ts continue run', 'a', '```')), [
    { place: 'a.md:1', source: 'const a = 1\n\na\n', runs: true, output: undefined },
  ])
})

void test('a fence in a longer fence is text', () => {
  assert.deepEqual(snippetsOf('a.md', page('````md', '```ts', 'x', '```', '````')), [])
})
