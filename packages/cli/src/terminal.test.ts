import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { processOutput } from './terminal.ts'

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
