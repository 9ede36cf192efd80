import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Connection } from '../network.ts'
import { nodeNetwork } from './network.ts'

const accepted: ((connection: Connection) => void)[] = []
const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (connection) => accepted.shift()!(connection))
after(() => listener.close())

/** Both ends of a connection. */
async function connected(): Promise<readonly [near: Connection, far: Connection]> {
  const { promise: far, resolve } = Promise.withResolvers<Connection>()
  accepted.push(resolve)
  const near = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 5_000 })
  return [near, await far]
}

function pattern(length: number): Buffer {
  return Buffer.alloc(
    length,
    Uint8Array.from({ length: 251 }, (_, at) => at),
  )
}

void test('what is sent arrives in order, up to an orderly end, either way', async () => {
  const sent = pattern(3_000_000)
  for (const isReversed of [false, true]) {
    const [near, far] = await connected()
    const [from, to] = isReversed ? [far, near] : [near, far]
    const received: Buffer[] = []
    const ended = new Promise<Error | undefined>((resolve) => to.onClose(resolve))
    to.onData((bytes) => received.push(Buffer.from(bytes)))
    for (let at = 0; at < sent.length; at += 70_001) from.send(sent.subarray(at, at + 70_001))
    from.end()
    assert.equal(await ended, undefined)
    assert.ok(Buffer.concat(received).equals(sent))
  }
})

void test('what comes before somebody listens is not lost', async () => {
  const [near, far] = await connected()
  far.send(Buffer.from('early, '))
  await setTimeout(20)
  const received: string[] = []
  const ended = new Promise<unknown>((resolve) => near.onClose(resolve))
  near.onData((bytes) => received.push(Buffer.from(bytes).toString()))
  far.send(Buffer.from('late'))
  far.end()
  await ended
  assert.equal(received.join(''), 'early, late')
})

void test('a connection that is paused gives nothing, its far end is held back, and all comes when it goes on', async () => {
  const [near, far] = await connected()
  const sent = pattern(40_000_000)
  let state: 'before' | 'paused' | 'resumed' = 'before'
  let bytesReceived = 0
  const paused = Promise.withResolvers<void>()
  const ended = new Promise<unknown>((resolve) => near.onClose(resolve))
  near.onData((bytes) => {
    assert.notEqual(state, 'paused')
    assert.ok(sent.subarray(bytesReceived, bytesReceived + bytes.length).equals(bytes))
    bytesReceived += bytes.length
    if (bytesReceived < 1_000_000 || state !== 'before') return
    state = 'paused'
    near.pause()
    paused.resolve()
  })
  far.send(sent)
  far.end()
  await paused.promise
  await setTimeout(100)
  assert.ok(far.queuedBytes > 10_000_000)
  state = 'resumed'
  near.resume()
  await ended
  assert.equal(bytesReceived, sent.length)
})

void test('a time for connecting that is longer than a timer of Node can be is not over at once', async () => {
  const far = Promise.withResolvers<Connection>()
  accepted.push(far.resolve)
  // A listener that knows no TLS never answers: the handshake lasts for as long as it may.
  const connected = nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 2 ** 31, tls: {} })
  const refused = assert.rejects(connected, { name: 'NetworkError', reason: 'reset' })
  const connection = await far.promise
  connection.onData(() => void setTimeout(20).then(() => connection.destroy()))
  await refused
})
