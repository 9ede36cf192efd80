import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { apiByName, decodeRequest, encodeResponse, FrameSplitter, readRequest } from '../../protocol/index.ts'
import { clientSettings } from '../options.ts'
import { SimulatedNetwork } from '../testing/simulated-network.ts'
import { Waits } from '../waits.ts'
import { BrokerLink } from './broker-link.ts'
import type { Sasl } from './security.ts'

const SERVED = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate', 'Metadata'] as const

/** A broker that lets everybody in for a while, and never answers what is asked then. */
class SilentBroker {
  readonly open = new Set<Connection>()
  asked = 0
  readonly #sessionLifetimeMs: number

  constructor(sessionLifetimeMs: number) {
    this.#sessionLifetimeMs = sessionLifetimeMs
  }

  serve(connection: Connection): void {
    const splitter = new FrameSplitter(1 << 20)
    this.open.add(connection)
    connection.onClose(() => this.open.delete(connection))
    connection.onData((bytes) => {
      splitter.push(Buffer.from(bytes))
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) this.#answer(connection, frame)
    })
  }

  #answer(connection: Connection, frame: Uint8Array): void {
    const { api, version, correlationId, body } = readRequest(frame)
    const send = (chunks: readonly Uint8Array[]): void => void connection.send(Buffer.concat(chunks))
    const apiKeys = SERVED.map((name) => ({ ...apiByName(name), apiKey: apiByName(name).key }))
    if (api.name === 'ApiVersions') send(encodeResponse('ApiVersions', version, correlationId, { errorCode: 0, apiKeys }))
    else if (api.name === 'SaslHandshake')
      send(encodeResponse('SaslHandshake', version, correlationId, { errorCode: 0, mechanisms: ['PLAIN', 'OAUTHBEARER'] }))
    else if (api.name === 'SaslAuthenticate') {
      decodeRequest('SaslAuthenticate', version, body)
      const sessionLifetimeMs = this.#sessionLifetimeMs
      const authBytes = new Uint8Array(0)
      send(encodeResponse('SaslAuthenticate', version, correlationId, { errorCode: 0, errorMessage: null, authBytes, sessionLifetimeMs }))
    } else this.asked++
  }
}

async function linked(sasl: Sasl, sessionLifetimeMs = 0): Promise<{ clock: VirtualClock; broker: SilentBroker; link: BrokerLink }> {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const network = new SimulatedNetwork(clock, random, { delayMsMax: 1, breakChance: 0, refuseChance: 0 })
  const broker = new SilentBroker(sessionLifetimeMs)
  await network.listen({ host: 'simulated', port: 9 }, (connection) => broker.serve(connection))
  const security = { protocol: 'SASL_PLAINTEXT', sasl } as const
  const settings = clientSettings({ bootstrap: 'simulated:9', security, ports: { network, clock, random }, requestTimeoutMs: 30_000 })
  const waits = new Waits(clock, settings.logger)
  return { clock, broker, link: new BrokerLink(settings, waits, { host: 'simulated', port: 9 }, 1) }
}

const metadata = { topics: [], allowAutoTopicCreation: false }

void test('closing ends a connection too that a renewed one has taken the place of, and what it was asked', async () => {
  const { clock, broker, link } = await linked({ mechanism: 'PLAIN', username: 'u', password: 'p' }, 1000)
  const first = link.ask('Metadata', metadata).catch((error: unknown) => error)
  await clock.advance(1500)
  const second = link.ask('Metadata', metadata).catch((error: unknown) => error)
  await clock.advance(100)
  assert.deepEqual([broker.open.size, broker.asked], [2, 2])
  link.close()
  assert.equal(((await clock.run(first)) as { code: string }).code, 'CLIENT_DISCONNECTED')
  assert.equal(((await clock.run(second)) as { code: string }).code, 'CLIENT_DISCONNECTED')
  await clock.advance(100)
  assert.equal(broker.open.size, 0)
})

void test('a token that does not come fails the attempt in the time of a request', async () => {
  const { clock, broker, link } = await linked({ mechanism: 'OAUTHBEARER', token: () => new Promise(() => undefined) })
  const asked = link.ask('Metadata', metadata)
  await assert.rejects(clock.run(asked), {
    code: 'CLIENT_CONNECT',
    message: /token\(\) of security\.sasl has given no token within 30000 ms/,
  })
  await clock.advance(100)
  assert.equal(broker.open.size, 0)
  link.close()
})

void test('a token function that throws fails the attempt, and nothing else', async () => {
  const token = (): string => {
    throw new Error('no token today')
  }
  const { clock, broker, link } = await linked({ mechanism: 'OAUTHBEARER', token })
  await assert.rejects(clock.run(link.ask('Metadata', metadata)), { code: 'CLIENT_CONNECT', message: /no token today/ })
  await clock.advance(100)
  assert.equal(broker.open.size, 0)
  link.close()
})

void test('closing ends an attempt that waits for a token', async () => {
  const { clock, broker, link } = await linked({ mechanism: 'OAUTHBEARER', token: () => new Promise(() => undefined) })
  const asked = link.ask('Metadata', metadata).catch((error: unknown) => error)
  await clock.advance(100)
  assert.equal(broker.open.size, 1)
  const beforeMs = clock.monotonic()
  link.close()
  assert.equal(((await clock.run(asked)) as { code: string }).code, 'CLIENT_CLOSED')
  await clock.advance(100)
  assert.deepEqual([broker.open.size, clock.monotonic() - beforeMs < 1000], [0, true])
})
