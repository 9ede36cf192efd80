import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandsOf, shellCommands, spansOf } from './mentions.ts'

void test('what stands in backticks is found with its line, and blocks are left out', () => {
  const text = ['# x', '`a` and ``b ` c``', '```sh', '`d`', '```', 'then `e', 'f`'].join('\n')
  assert.deepEqual(spansOf({ path: 'p.md', text }), [
    { place: 'p.md:2', text: 'a' },
    { place: 'p.md:2', text: 'b ` c' },
    { place: 'p.md:6', text: 'e\nf' },
  ])
})

void test('a line of a shell is cut into its commands', () => {
  assert.deepEqual(shellCommands(`printf 'a b\\n' | millrace produce orders --key-separator = # lines`), [
    `printf 'a b\\n'`,
    'millrace produce orders --key-separator =',
  ])
  assert.deepEqual(shellCommands('SAVEPOINT=$(millrace stop orders -p savepoints) && mv "$SAVEPOINT" there'), [
    'millrace stop orders -p savepoints',
    'mv "$SAVEPOINT" there',
  ])
  assert.deepEqual(shellCommands('millrace plan v2.ts -s "$(millrace savepoint orders /srv)"   # would it start?'), [
    'millrace plan v2.ts -s',
    'millrace savepoint orders /srv',
  ])
  assert.deepEqual(shellCommands('millrace run orders.ts &'), ['millrace run orders.ts'])
})

void test('commands go on in the next line, and stand in text as well', () => {
  const text = ['```sh', 'millrace run a.ts \\', '  -p 2', '```', 'and `millrace list -a`'].join('\n')
  assert.deepEqual(
    commandsOf({ path: 'p.md', text }).map((command) => command.text),
    ['millrace run a.ts -p 2', 'millrace list -a'],
  )
})
