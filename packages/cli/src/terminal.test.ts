import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { isBackground, processOutput } from './terminal.ts'

/** A standard output that fails so. */
function failing(code: string | undefined): NodeJS.WriteStream & { readonly fd: number } {
  const stream = new Writable({
    decodeStrings: false,
    autoDestroy: false,
    write: (text, _encoding, done) =>
      text === '' || code === undefined ? done() : done(Object.assign(new Error(`it fails: ${code}`), { code })),
  })
  return Object.assign(stream, { fd: -1 }) as unknown as NodeJS.WriteStream & { readonly fd: number }
}

void test('what others write to an output is told of before, what it writes itself is not', () => {
  const written: string[] = []
  const write = (text: string | Uint8Array, _encoding: unknown, done: () => void): void => {
    written.push(String(text))
    done()
  }
  const stream = Object.assign(new Writable({ write }), { fd: -1 }) as unknown as NodeJS.WriteStream & { readonly fd: number }
  const output = processOutput(stream)
  const cease = output.heedOthers!((endsLine, write) => {
    written.push(`others, ${endsLine}:`)
    write()
  })
  output.write('own')
  stream.write('theirs')
  stream.write(Buffer.from('bytes\n'))
  let isDone = false
  stream.write('', () => (isDone = true))
  cease()
  stream.write('again')
  assert.deepEqual(
    written.filter((text) => text !== ''),
    ['own', 'others, false:', 'theirs', 'others, true:', 'bytes\n', 'again'],
  )
  assert.ok(isDone || stream.writableLength === 0)
})

void test('an output that cannot be written says so at the end; one whose reader has gone is no failure', async () => {
  for (const [code, message] of [
    [undefined, undefined],
    ['EPIPE', undefined],
    ['ENOSPC', 'it fails: ENOSPC'],
  ] as const) {
    const output = processOutput(failing(code))
    output.write('text')
    assert.equal((await output.settled?.())?.message, message)
    assert.equal(output.isGone, code !== undefined)
  }
})

void test('a terminal that says it has no size, or nothing of it, is taken for one of 80 by 24', () => {
  for (const size of [{}, { columns: 0, rows: 0 }]) {
    const { columns, rows } = processOutput(Object.assign(failing(undefined), size))
    assert.deepEqual([columns, rows], [80, 24])
  }
})

void test('a process that its shell has started in the background is told by its group', () => {
  assert.ok(isBackground('4711 (node) S 4000 4711 4000 34816 4000 4194304 1 2 3'))
  assert.ok(isBackground('4711 (a) b (c) S 4000 4711 4000 34816 4000 4194304'))
  assert.ok(!isBackground('4711 (node) S 4000 4711 4000 34816 4711 4194304'))
  assert.ok(!isBackground('4711 (node) S 4000 4711 4000 0 -1 4194304'), 'it has no terminal')
  assert.ok(!isBackground(''), 'the system does not say')
})
