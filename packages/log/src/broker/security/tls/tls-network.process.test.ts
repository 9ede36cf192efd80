// TLS of core's network, over real sockets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeNetwork, NetworkError, type Connection, type Listener, type TlsClientOptions, type TlsServerOptions } from '@millrace/core'
import { testAuthority } from '@millrace/testkit'

const authority = testAuthority()
const server = authority.issue({ subject: { O: 'Shop', CN: 'broker' }, hosts: ['127.0.0.1', 'localhost'] })
const identity = { key: server.key, certificateChain: server.certificate }

interface Running {
  readonly listener: Listener
  readonly accepted: Promise<Connection>
  readonly refused: string[]
}

async function listen(options: Partial<TlsServerOptions> = {}): Promise<Running> {
  const { promise, resolve } = Promise.withResolvers<Connection>()
  const refused: string[] = []
  const onRefused = (_: unknown, error: Error): void => void refused.push(error.message)
  const tls = { ...identity, clientAuth: 'none', onRefused, ...options } as const
  return { listener: await nodeNetwork.listen({ host: '127.0.0.1', port: 0, tls }, resolve), accepted: promise, refused }
}

function connect({ port }: Listener, tls: TlsClientOptions = { trusted: authority.certificate }): Promise<Connection> {
  return nodeNetwork.connect({ host: '127.0.0.1', port, timeoutMs: 2000, tls })
}

function closed(connection: Connection): Promise<void> {
  return new Promise((resolve) => connection.onClose(() => resolve()))
}

test('bytes go both ways, and the listener closes', async () => {
  const { listener, accepted } = await listen()
  const client = await connect(listener)
  const far = await accepted
  assert.equal(far.peerSubject, undefined)
  const echoed = new Promise<string>((resolve) => client.onData((bytes) => resolve(Buffer.from(bytes).toString())))
  far.onData((bytes) => void far.send(Buffer.from(bytes)))
  client.send(Buffer.from('over TLS'))
  assert.equal(await echoed, 'over TLS')
  client.end()
  await Promise.all([closed(client), listener.close()])
})

test('a server of another authority, or of another name, is not spoken to', async () => {
  const { listener } = await listen()
  const isOfTls = (error: unknown): boolean => error instanceof NetworkError && error.reason === 'tls'
  await assert.rejects(connect(listener, { trusted: testAuthority('Other').certificate }), isOfTls)
  await assert.rejects(connect(listener, { trusted: authority.certificate, serverName: 'elsewhere' }), isOfTls)
  const named = await connect(listener, { trusted: authority.certificate, serverName: 'localhost' })
  named.destroy()
  const unnamed = await connect(listener, { trusted: authority.certificate, serverName: 'elsewhere', verifyHostname: false })
  unnamed.destroy()
  const strange = { trusted: testAuthority('Other').certificate, verifyHostname: false }
  await assert.rejects(connect(listener, strange), isOfTls)
  await listener.close()
})

test('a client proves its subject', async () => {
  const client = authority.issue({ subject: { C: 'DE', O: 'Shop, Ltd', CN: 'orders' }, keyPassword: 'secret' })
  for (const clientAuth of ['requested', 'required'] as const) {
    const { listener, accepted } = await listen({ clientAuth, trusted: authority.certificate })
    const shown = { key: client.key, keyPassword: 'secret', certificateChain: client.certificate }
    const connection = await connect(listener, { trusted: authority.certificate, identity: shown })
    assert.equal((await accepted).peerSubject, String.raw`CN=orders,O=Shop\, Ltd,C=DE`)
    connection.destroy()
    await listener.close()
  }
})

test('a client without a certificate that is required, or with one that is not valid, is refused', async () => {
  const expired = authority.issue({ subject: { CN: 'old' }, validSeconds: -60 })
  const foreign = testAuthority('Other').issue({ subject: { CN: 'orders' } })
  const asIdentity = ({ key, certificate }: typeof expired) => ({ key, certificateChain: certificate })
  for (const [clientAuth, shown] of [
    ['required', undefined],
    ['requested', expired],
    ['required', foreign],
  ] as const) {
    const { listener, refused } = await listen({ clientAuth, trusted: authority.certificate })
    const own = shown === undefined ? {} : { identity: asIdentity(shown) }
    const outcome = await connect(listener, { trusted: authority.certificate, ...own }).then(closed, () => undefined)
    assert.equal(outcome, undefined)
    assert.equal(refused.length, 1, clientAuth)
    await listener.close()
  }
})

test('no certificate at all may be shown where one is only requested', async () => {
  const { listener, accepted } = await listen({ clientAuth: 'requested', trusted: authority.certificate })
  const connection = await connect(listener)
  assert.equal((await accepted).peerSubject, undefined)
  connection.destroy()
  await listener.close()
})

test('plain bytes are no handshake, and a handshake that hangs does not hold up the end', async () => {
  const { listener, refused } = await listen()
  const plain = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 2000 })
  const over = closed(plain)
  plain.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await over
  assert.equal(refused.length, 1)
  const silent = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 2000 })
  await Promise.all([closed(silent), listener.close()])
})

test('a key that is no key is told of at the start', async () => {
  const isOfTls = (error: unknown): boolean => error instanceof NetworkError && error.reason === 'tls'
  await assert.rejects(listen({ key: 'no key' }), isOfTls)
})

test('more handshakes than may be under way at a time are turned away', async (t) => {
  const { listener } = await listen({ handshakesMax: 1 })
  t.after(() => listener.close())
  const silent = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 2000 })
  await assert.rejects(connect(listener))
  silent.destroy()
  // The listener notices the end of a client a little later than the client.
  for (let attempt = 0; ; attempt++) {
    const next = await connect(listener).catch(() => undefined)
    next?.destroy()
    if (next !== undefined) break
    assert.ok(attempt < 100)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
})
