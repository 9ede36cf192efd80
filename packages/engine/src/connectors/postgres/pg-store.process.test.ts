// The driver and a server that answers every statement without a row, until it is as good as gone: nothing comes from it any more, no end either.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { clientConfig } from './connection.ts'
import { PgStore } from './pg-store.ts'

function message(type: string, content: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(5, type)
  head.writeInt32BE(content.length + 4, 1)
  return Buffer.concat([head, content])
}

const ready = message('Z', Buffer.from('I'))
const complete = message('C', Buffer.from('SELECT 0\0'))
const answers: { readonly [type: string]: Buffer } = {
  P: message('1'),
  B: message('2'),
  D: message('n'),
  E: complete,
  S: ready,
  Q: Buffer.concat([complete, ready]),
}

class MuteServer {
  /** What the driver has sent first: names and values of settings. */
  readonly startups: string[] = []
  readonly sockets: Socket[] = []
  readonly #server: Server = createServer((socket) => this.#serve(socket))

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  /** It is not even read that the other side has ended. */
  freeze(): void {
    for (const socket of this.sockets) socket.pause()
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }

  #serve(socket: Socket): void {
    this.sockets.push(socket)
    let rest = Buffer.alloc(0)
    let hasBegun = false
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes])
      for (;;) {
        const headBytes = hasBegun ? 1 : 0
        if (rest.length < headBytes + 4) return
        const endsAt = headBytes + rest.readInt32BE(headBytes)
        if (rest.length < endsAt) return
        if (!hasBegun) this.startups.push(rest.toString('latin1', 8, endsAt))
        socket.write(hasBegun ? (answers[String.fromCharCode(rest[0]!)] ?? '') : Buffer.concat([message('R', Buffer.alloc(4)), ready]))
        hasBegun = true
        rest = rest.subarray(endsAt)
      }
    })
  }
}

const server = new MuteServer()
after(() => server.close())

function storeOn(port: number, queryTimeoutMs?: number): PgStore {
  const client = clientConfig('postgresSink', { host: '127.0.0.1', port, user: 'u', database: 'd' })
  return new PgStore({
    client: queryTimeoutMs === undefined ? client : { ...client, query_timeout: queryTimeoutMs },
    statementTimeoutMs: 60_000,
    target: { table: { schema: undefined, name: 'orders' }, columns: ['id'], keys: [], onConflict: 'update' },
    names: { jobName: 'job', sink: 'sink', table: 'orders', commitTable: 'commits' },
    commitTable: undefined,
    isPruned: false,
  })
}

void test(
  'a server that is gone without a word does not keep the sink from being closed, nor the process',
  { timeout: 20_000 },
  async () => {
    const port = await server.listen()
    const store = storeOn(port)
    await store.transaction(async () => {})
    // A pooler refuses settings of the session, as it gives each transaction another.
    assert.match(server.startups.join(), /user\0u\0/)
    assert.doesNotMatch(server.startups.join(), /timeout|synchronous/)
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = sockets()
    server.freeze()
    await store.close()
    assert.equal(sockets(), before - 1)
  },
)

void test(
  'a server that goes without a word amid a transaction is waited for once, and not again by close',
  { timeout: 20_000 },
  async () => {
    const mute = new MuteServer()
    after(() => mute.close())
    const queryTimeoutMs = 2_500
    const store = storeOn(await mute.listen(), queryTimeoutMs)
    await store.transaction(async () => {})
    mute.freeze()
    const startMs = performance.now()
    await assert.rejects(
      store.transaction(async () => {}),
      /has not answered a statement in statementTimeout .* see whether the server runs/,
    )
    await store.close()
    const tookMs = performance.now() - startMs
    assert.ok(tookMs >= queryTimeoutMs - 50 && tookMs < 1.8 * queryTimeoutMs, `${tookMs} ms`)
    // What the server sees as soon as it reads again: nothing of the connection is left at the client.
    const [socket] = mute.sockets
    const closed = once(socket!, 'close')
    socket!.resume()
    await closed
  },
)
