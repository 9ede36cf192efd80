import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import type { Connection } from '@millrace/core'
import { StreamedBytes } from '../../protocol/index.ts'
import { ResponseSender } from './response-sender.ts'
import { WINDOW_BYTES, WindowPool } from './window-pool.ts'

/** Takes so many sends, then none until it is drained. */
class SlowConnection {
  readonly remote = { host: 'test', port: 1 }
  readonly sent: Buffer[] = []
  queuedBytes = 0
  takes = Infinity
  #onDrain = (): void => undefined

  send(bytes: Uint8Array): boolean {
    this.sent.push(Buffer.from(bytes))
    if (this.takes-- > 1) return true
    this.queuedBytes += bytes.length
    return false
  }

  drain(takes: number): void {
    this.queuedBytes = 0
    this.takes = takes
    this.#onDrain()
  }

  onDrain(handler: () => void): void {
    this.#onDrain = handler
  }
}

class Counting extends StreamedBytes {
  readonly length: number
  reads = 0
  releases = 0
  failsAt = Infinity

  constructor(length: number) {
    super()
    this.length = length
  }

  async readInto(into: Uint8Array, position: number): Promise<void> {
    this.reads++
    if (position + into.length > this.failsAt) throw new Error('the disk is gone')
    await Promise.resolve()
    for (let at = 0; at < into.length; at++) into[at] = (position + at) & 0xff
  }

  release(): void {
    this.releases++
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setting(): { connection: SlowConnection; sender: ResponseSender; events: string[] } {
  const connection = new SlowConnection()
  const events: string[] = []
  const sender = new ResponseSender({
    connection: connection as unknown as Connection,
    clock: new VirtualClock(),
    windows: new WindowPool(),
    onReady: () => events.push('ready'),
    onFailure: (error) => events.push(String(error)),
  })
  return { connection, sender, events }
}

const expected = (head: string, length: number): Buffer =>
  Buffer.concat([Buffer.from(head), Buffer.from(Uint8Array.from({ length }, (_, at) => at))])

void test('a response is sent window by window, the next one read only when the last was taken', async () => {
  const { connection, sender, events } = setting()
  const records = new Counting(2 * WINDOW_BYTES + 1000)
  connection.takes = 1
  sender.send([Buffer.from('head'), records])
  assert.equal(sender.isBusy, true)
  for (let count = 0; count < 3; count++) await turn()
  assert.deepEqual([connection.sent.length, records.reads, connection.sent[0]!.length], [1, 1, WINDOW_BYTES])
  connection.drain(1)
  for (let count = 0; count < 3; count++) await turn()
  assert.deepEqual([connection.sent.length, records.reads, events], [2, 2, []])
  connection.drain(Infinity)
  for (let count = 0; count < 3; count++) await turn()
  assert.deepEqual([sender.isBusy, records.releases, events], [false, 1, ['ready']])
  assert.ok(Buffer.concat(connection.sent).equals(expected('head', records.length)))
})

void test('a small one goes out in one piece, whatever its parts', async () => {
  const { connection, sender } = setting()
  const records = new Counting(300)
  sender.send([Buffer.from('a'), records, Buffer.from('z')])
  await turn()
  assert.equal(connection.sent.length, 1)
  assert.ok(connection.sent[0]!.equals(Buffer.concat([expected('a', 300), Buffer.from('z')])))
})

void test('what cannot be read ends in a failure, and is released once', async () => {
  const { connection, sender, events } = setting()
  const records = new Counting(2 * WINDOW_BYTES)
  records.failsAt = WINDOW_BYTES + 10
  sender.send([records])
  for (let count = 0; count < 3; count++) await turn()
  assert.deepEqual([connection.sent.length, records.releases, events], [1, 1, ['Error: the disk is gone']])
})

void test('when the connection ends everything is released, also what comes later', async () => {
  const { connection, sender, events } = setting()
  const records = new Counting(3 * WINDOW_BYTES)
  connection.takes = 1
  sender.send([records])
  await turn()
  sender.close()
  await turn()
  const late = new Counting(5)
  sender.send([late])
  assert.deepEqual([records.releases, late.releases, late.reads, events], [1, 1, 0, []])
})
