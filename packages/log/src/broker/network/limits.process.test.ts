import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { after, before, test } from 'node:test'
import { encodeRequest, ERROR_CODE } from '../../protocol/index.ts'
import { buildBatch, recompress } from '../../records/index.ts'
import { Log } from '../log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../testing/requests.ts'
import { WireClient } from '../testing/wire-client.ts'

const KIB = 1024
let log: Log

before(async () => {
  log = await Log.start({
    memory: true,
    config: {
      'max.connections.per.ip': '40',
      'max.connections.per.ip.overrides': '127.0.0.9:1',
      'socket.request.max.bytes': String(4096 * KIB),
      'queued.max.request.bytes': String(1024 * KIB),
    },
  })
})

after(() => log.close())

/** A connection that sends what it is told, and says when it has ended. */
async function rawSocket(
  localAddress = '127.0.0.1',
  { host, port }: { readonly host: string; readonly port: number } = log,
): Promise<{ socket: Socket; ended: Promise<void> }> {
  const socket = connect({ host, port, localAddress })
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  socket.resume()
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return { socket, ended }
}

const isOpen = async (ended: Promise<void>, ms: number): Promise<boolean> =>
  await Promise.race([ended.then(() => false), new Promise<boolean>((resolve) => setTimeout(resolve, ms, true))])

test('a request larger than allowed, and what is no request, end the connection; the broker lives on', async () => {
  const size = Buffer.alloc(4)
  size.writeInt32BE(4096 * KIB + 1)
  const garbage = Buffer.from('GET / HTTP/1.1\r\n\r\n')
  const unknownApi = Buffer.from([0, 0, 0, 10, 0x7f, 0x7f, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
  const cutOff = Buffer.from([0, 0, 0, 5, 0, 3, 0, 1, 0])
  const negative = Buffer.from([0xff, 0xff, 0xff, 0xff])
  for (const bytes of [size, garbage, unknownApi, cutOff, negative]) {
    const { socket, ended } = await rawSocket()
    socket.write(bytes)
    await ended
  }
  const client = await WireClient.connect(log)
  assert.equal((await client.ask('ApiVersions', 0, {})).errorCode, ERROR_CODE.NONE)
  await client.close()
})

test('connections from one address are limited, and so are the exceptions', async () => {
  const one = await rawSocket('127.0.0.9')
  const two = await rawSocket('127.0.0.9')
  await two.ended
  assert.equal(await isOpen(one.ended, 30), true)
  const many = await Promise.all(Array.from({ length: 42 }, () => rawSocket()))
  const open = await Promise.all(many.map(({ ended }) => isOpen(ended, 100)))
  assert.equal(open.filter(Boolean).length, 40)
  for (const { socket } of [one, ...many]) socket.destroy()
  await Promise.all([one, ...many].map(({ ended }) => ended))
})

test('a connection that finds the broker full waits for its turn; where too many wait it is closed', async () => {
  const full = await Log.start({ memory: true, config: { 'max.connections': '1', 'socket.listen.backlog.size': '2' } })
  const first = await WireClient.connect(full)
  await first.ask('ApiVersions', 0, {})
  const waiting = [await WireClient.connect(full), await WireClient.connect(full)]
  const answers = waiting.map(async (client) => ({ client, answer: await client.ask('ApiVersions', 0, {}) }))
  await first.ask('ApiVersions', 0, {})
  const tooMany = await WireClient.connect(full)
  await tooMany.closed
  await first.close()
  // Whoever is served goes, and makes room for the next one.
  while (answers.length > 0) {
    const { client, answer } = await Promise.race(answers)
    assert.equal(answer.errorCode, ERROR_CODE.NONE)
    void answers.splice(waiting.indexOf(client), 1)
    waiting.splice(waiting.indexOf(client), 1)
    await client.close()
  }
  await full.close()
})

test('a listener has a limit of its own, at which only those wait who came to it', async () => {
  const config = { listeners: 'A://127.0.0.1:0,B://127.0.0.1:0', 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' }
  const two = await Log.start({ memory: true, config: { ...config, 'listener.name.a.max.connections': '1' } })
  const [a, b] = two.listeners
  const first = await WireClient.connect(a!)
  await first.ask('ApiVersions', 0, {})
  const second = await WireClient.connect(a!)
  let isSecondServed = false
  const served = second.ask('ApiVersions', 0, {}).then(() => (isSecondServed = true))
  for (const client of [await WireClient.connect(b!), await WireClient.connect(b!)]) {
    await client.ask('ApiVersions', 0, {})
    await client.close()
  }
  assert.equal(isSecondServed, false)
  await first.close()
  await served
  await second.close()
  await two.close()
})

test('a listener has a rate of its own, at which only those wait who came to it', async () => {
  const two = await Log.start({
    memory: true,
    config: {
      listeners: 'A://127.0.0.1:0,B://127.0.0.1:0',
      'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT',
      'listener.name.a.max.connection.creation.rate': '0',
    },
  })
  const [a, b] = two.listeners
  const waiting = await WireClient.connect(a!)
  let isServed = false
  const served = waiting.ask('ApiVersions', 0, {}).then(() => (isServed = true))
  for (const client of [await WireClient.connect(b!), await WireClient.connect(b!)]) {
    await client.ask('ApiVersions', 0, {})
    await client.close()
  }
  assert.equal(isServed, false)
  const admin = await WireClient.connect(b!)
  const set = { name: 'listener.name.a.max.connection.creation.rate', configOperation: 0, value: '100' }
  await admin.ask('IncrementalAlterConfigs', 1, {
    resources: [{ resourceType: 4, resourceName: '', configs: [set] }],
    validateOnly: false,
  })
  await served
  await Promise.all([waiting.close(), admin.close()])
  await two.close()
})

test('a connection that is idle is closed; one that waits for an answer is not', async () => {
  const impatient = await Log.start({ memory: true, config: { 'connections.max.idle.ms': '1000' } })
  const waiting = await WireClient.connect(impatient)
  await createTopic(waiting, 'idle')
  const { ended } = await rawSocket('127.0.0.1', impatient)
  const poll = fetchFrom(waiting, 'idle', { maxWaitMs: 2500 })
  const first = await Promise.race([ended.then(() => 'the idle one'), poll.then(() => 'the one that waits')])
  assert.equal(first, 'the idle one')
  assert.deepEqual((await poll).values, [])
  await waiting.closed
  await impatient.close()
})

test('requests of all connections share their memory: who has to wait is read later, and nothing is lost', async () => {
  const maker = await WireClient.connect(log)
  await createTopic(maker, 'memory', { 'max.message.bytes': String(2048 * KIB) })
  // Two that are never finished take all of it.
  const hogs = await Promise.all([rawSocket(), rawSocket()])
  const claim = Buffer.alloc(8)
  claim.writeInt32BE(600 * KIB)
  for (const { socket } of hogs) socket.write(claim)
  while (!log.metrics().includes('memorypoolused 1228800\n')) await new Promise((resolve) => setTimeout(resolve, 5))
  const client = await WireClient.connect(log)
  const produced = produceTo(client, 'memory', batchOf(['x'.repeat(900 * KIB)]))
  assert.equal(
    await isOpen(
      produced.then(() => undefined),
      80,
    ),
    true,
    'no memory, no answer',
  )
  assert.match(log.metrics(), /kafka_network_socketserver_memorypoolused 1228800/)
  for (const { socket } of hogs) socket.destroy()
  assert.equal((await produced).errorCode, ERROR_CODE.NONE)
  await client.close()
  await maker.close()
})

test('clients that have claimed all memory and fall silent keep nobody out, and are answered when they go on', async () => {
  const patient = await Log.start({ memory: true, config: { 'queued.max.request.bytes': String(1024 * KIB) } })
  const maker = await WireClient.connect(patient)
  await createTopic(maker, 'silent', { 'max.message.bytes': String(2048 * KIB) })
  const correlationId = 7
  const request = {
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: 'silent', topicId: new Uint8Array(16), partitionData: [{ index: 0, records: batchOf(['x'.repeat(600 * KIB)]) }] }],
  }
  const bytes = Buffer.concat(encodeRequest('Produce', 12, { correlationId, clientId: 'silent' }, request))
  const silent = await Promise.all(Array.from({ length: 5 }, () => WireClient.connect(patient)))
  const answers = silent.map((client) => client.raw(bytes.subarray(0, 1000), correlationId))
  // Two of them have it.
  while (!/memorypoolused 1\d{6}\n/.test(patient.metrics())) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await produceTo(maker, 'silent', batchOf(['y'.repeat(900 * KIB)]))).errorCode, ERROR_CODE.NONE)
  for (const client of silent) client.continue(bytes.subarray(1000))
  await Promise.all(answers)
  assert.match(patient.metrics(), /kafka_network_socketserver_memorypoolused 0/)
  assert.equal((await fetchFrom(maker, 'silent', { maxBytes: 1, offset: 5 })).highWatermark, 6)
  for (const client of [maker, ...silent]) await client.close()
  await patient.close()
})

test('what a batch decompresses to is limited', async () => {
  const plain = buildBatch([{ key: null, value: Buffer.from('x') }])
  const bomb = recompress(plain, Buffer.alloc(300 * 1024 * KIB), 'gzip')
  assert.ok(gzipSync(Buffer.alloc(1024)).length < 100 && bomb.sizeBytes < 1024 * KIB)
  const client = await WireClient.connect(log)
  await createTopic(client, 'bomb')
  assert.equal((await produceTo(client, 'bomb', bomb.whole)).errorCode, ERROR_CODE.MESSAGE_TOO_LARGE)
  await client.close()
})

test('slow readers hold a window each, not their responses; they are closed when they take nothing', async () => {
  const client = await WireClient.connect(log)
  await createTopic(client, 'slow', { 'max.message.bytes': String(4096 * KIB) })
  for (let count = 0; count < 10; count++) await produceTo(client, 'slow', batchOf(['y'.repeat(3000 * KIB)]))
  const before = process.memoryUsage().arrayBuffers
  const slow = await Promise.all(Array.from({ length: 20 }, () => rawSocket()))
  for (const { socket } of slow) {
    socket.pause()
    socket.write(fetchRequest('slow', 1 << 30))
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  // Twenty times 30 MB were asked for.
  assert.ok(process.memoryUsage().arrayBuffers - before < 20 * 1024 * KIB, `${process.memoryUsage().arrayBuffers - before} bytes`)
  assert.equal((await produceTo(client, 'slow', batchOf(['still here']))).errorCode, ERROR_CODE.NONE)
  for (const { socket } of slow) socket.resume()
  for (const { socket } of slow) socket.destroy()
  await Promise.all(slow.map(({ ended }) => ended))
  await client.close()
})

/** Fetch 4 of one partition from offset 0. */
function fetchRequest(topic: string, maxBytes: number): Buffer {
  const body = Buffer.alloc(53 + topic.length)
  let at = body.writeInt16BE(1, 0)
  at = body.writeInt16BE(4, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt16BE(-1, at)
  at = body.writeInt32BE(-1, at)
  at = body.writeInt32BE(0, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt32BE(maxBytes, at)
  at = body.writeInt8(0, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt16BE(topic.length, at)
  at += body.write(topic, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt32BE(0, at)
  at = body.writeBigInt64BE(0n, at)
  at = body.writeInt32BE(maxBytes, at)
  const size = Buffer.alloc(4)
  size.writeInt32BE(at)
  return Buffer.concat([size, body.subarray(0, at)])
}
