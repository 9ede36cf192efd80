// What happens on a connection before, while and after a client proves who it is, frame by frame.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { nodeNetwork, type Connection } from '@millrace/core'
import { encodeRequest, ERROR_CODE, frame, type ApiResponse } from '../../protocol/index.ts'
import { Log } from '../log.ts'
import { WireClient } from '../testing/wire-client.ts'
import { FrameBuffer } from './frame-buffer.ts'

const plain = (user: string, password: string): Uint8Array => Buffer.from(`\0${user}\0${password}`)

async function start(t: TestContext, config: Readonly<Record<string, string>> = {}): Promise<Log> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-authentication-'))
  const log = await Log.start({
    dir,
    users: { alice: 'secret', bob: 'secret' },
    config: {
      listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
      'connection.failed.authentication.delay.ms': '0',
      ...config,
    },
  })
  t.after(async () => {
    await log.close()
    rmSync(dir, { recursive: true })
  })
  return log
}

async function login(client: WireClient, user = 'alice', password = 'secret'): Promise<ApiResponse<'SaslAuthenticate'>> {
  const { errorCode } = await client.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  assert.equal(errorCode, ERROR_CODE.NONE)
  return await client.ask('SaslAuthenticate', 2, { authBytes: plain(user, password) })
}

test('before a client has proven itself it may ask for versions and prove itself, and nothing else', async (t) => {
  const log = await start(t)
  const client = await WireClient.connect(log)
  for (let version = 0; version <= 4; version++) {
    const { apiKeys } = await client.ask('ApiVersions', version, { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
    assert.ok(apiKeys.some(({ apiKey }) => apiKey === 36))
  }
  assert.equal((await login(client)).errorCode, ERROR_CODE.NONE)
  assert.deepEqual((await client.ask('Metadata', 12, { topics: [] })).topics, [])
  await client.close()

  const early = await WireClient.connect(log)
  await assert.rejects(early.ask('Metadata', 12, { topics: null }))
  await early.closed
  const between = await WireClient.connect(log)
  await between.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  await assert.rejects(between.ask('ApiVersions', 0, {}))
  await between.closed
})

test('a mechanism that is not enabled is answered with those that are, and the connection ends', async (t) => {
  const log = await start(t)
  const client = await WireClient.connect(log)
  const { errorCode, mechanisms } = await client.ask('SaslHandshake', 1, { mechanism: 'GSSAPI' })
  assert.deepEqual([errorCode, mechanisms], [ERROR_CODE.UNSUPPORTED_SASL_MECHANISM, ['PLAIN', 'SCRAM-SHA-256']])
  await client.closed
})

test('a failure is answered after the delay, and the connection ends', async (t) => {
  const log = await start(t, { 'connection.failed.authentication.delay.ms': '150' })
  const client = await WireClient.connect(log)
  const before = performance.now()
  const { errorCode, errorMessage } = await login(client, 'alice', 'wrong')
  assert.ok(performance.now() - before >= 145)
  assert.deepEqual(
    [errorCode, errorMessage],
    [ERROR_CODE.SASL_AUTHENTICATION_FAILED, 'Authentication failed: Invalid username or password'],
  )
  await client.closed
})

/** Sends frames as they are, and gives what comes back. */
class BareClient {
  readonly #connection: Connection
  readonly #frames = new FrameBuffer(1 << 20)
  readonly #expected: ((frame: Uint8Array | undefined) => void)[] = []

  constructor(connection: Connection) {
    this.#connection = connection
    connection.onData((bytes) => {
      this.#frames.push(bytes)
      for (let next = this.#frames.next(); next !== undefined; next = this.#frames.next()) this.#expected.shift()?.(next)
    })
    connection.onClose(() => {
      for (const take of this.#expected.splice(0)) take(undefined)
    })
  }

  static async connect({ host, port }: Log): Promise<BareClient> {
    return new BareClient(await nodeNetwork.connect({ host, port, timeoutMs: 2000 }))
  }

  /** Undefined where the connection ends in place of an answer. */
  ask(chunks: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>()
    this.#expected.push(resolve)
    this.#connection.send(Buffer.concat(chunks))
    return promise
  }

  close(): void {
    this.#connection.destroy()
  }
}

const request = encodeRequest('Metadata', 12, { correlationId: 7, clientId: null }, { topics: [] })
const oldHandshake = encodeRequest('SaslHandshake', 0, { correlationId: 1, clientId: null }, { mechanism: 'PLAIN' })

test('after a handshake of version 0 tokens come bare, and a request that comes with the last is not lost', async (t) => {
  const log = await start(t)
  const client = await BareClient.connect(log)
  assert.ok(await client.ask(oldHandshake))
  const both = client.ask([...frame([plain('alice', 'secret')]), ...request])
  const answer = client.ask([])
  assert.equal((await both)?.length, 0, 'an empty token says that it is over')
  assert.equal(Buffer.from((await answer)!).readInt32BE(), 7)
  client.close()

  const wrong = await BareClient.connect(log)
  await wrong.ask(oldHandshake)
  assert.equal(await wrong.ask(frame([plain('alice', 'wrong')])), undefined)
})

test('frames that are too large or make no sense end a connection that has proven nothing', async (t) => {
  const log = await start(t, { 'sasl.server.max.receive.size': '100' })
  const sized = (size: number): Uint8Array => {
    const prefix = Buffer.alloc(4)
    prefix.writeInt32BE(size)
    return prefix
  }
  for (const bytes of [sized(101), sized(-1), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.concat([sized(3), Buffer.of(0, 36, 0)])]) {
    const client = await BareClient.connect(log)
    assert.equal(await client.ask([bytes]), undefined)
  }
})

test('a session that is over may only be proven again, by the same user and mechanism', async (t) => {
  const log = await start(t, {
    'connections.max.reauth.ms': '1500',
    'listener.name.sasl_plaintext.scram-sha-256.connections.max.reauth.ms': '0',
  })
  const client = await WireClient.connect(log)
  const { sessionLifetimeMs } = await login(client)
  assert.equal(sessionLifetimeMs, 1500)
  await client.ask('Metadata', 12, { topics: [] })
  assert.equal((await login(client)).errorCode, ERROR_CODE.NONE)
  const again = await client.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  assert.equal(again.errorCode, ERROR_CODE.ILLEGAL_SASL_STATE, 'not more often than once a second')
  await client.ask('Metadata', 12, { topics: [] })

  const late = await WireClient.connect(log)
  await login(late)
  const other = await WireClient.connect(log)
  await login(other)
  const busy = await WireClient.connect(log)
  await login(busy)
  await new Promise((resolve) => setTimeout(resolve, 1550))
  await assert.rejects(late.ask('Metadata', 12, { topics: [] }), 'it is over')
  await late.closed
  const { errorCode, errorMessage } = await login(other, 'bob')
  assert.equal(errorCode, ERROR_CODE.SASL_AUTHENTICATION_FAILED)
  assert.equal(errorMessage, 'Cannot change principals during re-authentication')
  await other.closed
  await busy.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  await assert.rejects(busy.ask('Metadata', 12, { topics: [] }), 'first it has to prove itself')
  await busy.closed
  await client.close()
})

test('where nothing is to be proven, there is nothing to prove', async (t) => {
  const log = await start(t, { listeners: 'PLAINTEXT://127.0.0.1:0' })
  const client = await WireClient.connect(log)
  assert.equal((await client.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })).errorCode, ERROR_CODE.ILLEGAL_SASL_STATE)
  const { errorCode } = await client.ask('SaslAuthenticate', 2, { authBytes: plain('alice', 'secret') })
  assert.equal(errorCode, ERROR_CODE.ILLEGAL_SASL_STATE)
  await client.ask('Metadata', 12, { topics: [] })
  await client.close()
})

test('a broker closes while clients are proving themselves', async (t) => {
  const log = await start(t)
  const silent = await WireClient.connect(log)
  const half = await WireClient.connect(log)
  await half.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  await log.close()
  await Promise.all([silent.closed, half.closed])
})
