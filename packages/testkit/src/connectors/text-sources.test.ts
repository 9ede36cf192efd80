import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { nodeNetwork, type Connection } from '@millrace/core'
import { socketText, stdin, type Source } from '@millrace/engine'
import { RealMachine } from './machine.ts'
import { SourceHost } from './source-host.ts'

/** Everything a source emits until it ends. */
async function read(source: Source<string>, onEmitted: (host: SourceHost<string>) => void = () => {}): Promise<SourceHost<string>> {
  const machine = await RealMachine.create(1)
  const host = new SourceHost(source, machine, machine.boot(), 2)
  try {
    await host.start(undefined)
    while (!host.hasEnded) {
      const hasPolled = [host.step(0), host.step(1)].includes(true)
      host.check()
      onEmitted(host)
      if (!hasPolled) await machine.turn()
    }
  } finally {
    await host.close()
    await machine.close()
  }
  equal(host.overran, 0)
  return host
}

const values = (host: SourceHost<string>): string[] => host.emitted.map(({ value }) => value)

/** A server that does with its n-th connection what the n-th script says. */
async function serve<T>(scripts: ((connection: Connection) => void)[], use: (port: number) => Promise<T>): Promise<T> {
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    connection.onClose(() => {})
    connection.onData(() => {})
    const script = scripts.shift()
    if (script === undefined) connection.destroy()
    else script(connection)
  })
  try {
    return await use(listener.port)
  } finally {
    await listener.close()
  }
}

describe('text from a socket', () => {
  it('is cut into lines, and ends with the connection', async () => {
    const script = (connection: Connection): void => {
      for (const byte of Buffer.from('to be\r\nor nöt\n\nto be')) connection.send(Buffer.of(byte))
      connection.end()
    }
    const host = await serve([script], (port) => read(socketText({ host: '127.0.0.1', port })))
    deepEqual(values(host), ['to be', 'or nöt', '', 'to be'])
  })

  it('goes on after a lost connection, without the line that was cut', async () => {
    let connections = 0
    const server = createServer((socket) => {
      if (connections++ > 0) return void socket.end('three\nfour')
      socket.write('one\ntw')
      setTimeout(() => socket.resetAndDestroy(), 30)
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const host = await read(socketText({ host: '127.0.0.1', port, reconnects: 3, reconnectDelay: 1 }))
    server.close()
    deepEqual(values(host), ['one', 'three', 'four'])
    deepEqual(
      host.notices.map(({ code }) => code),
      ['SOCKET_RECONNECT'],
    )
  })

  it('fails by name when there is nobody, after as many tries as asked for', async () => {
    const port = await serve([], async (free) => free)
    await rejects(read(socketText({ host: '127.0.0.1', port, reconnects: 2, reconnectDelay: 1 })), { code: 'SOCKET_LOST' })
  })

  it('presses back on a sender that is faster', async () => {
    let sent = 0
    const flood = (connection: Connection): void => {
      const chunk = Buffer.from(`${'x'.repeat(1_023)}\n`.repeat(64))
      const more = (): void => {
        while (sent < 400) {
          sent++
          if (!connection.send(chunk)) return
        }
        connection.end()
      }
      connection.onDrain(more)
      more()
    }
    const host = await serve([flood], (port) => read(socketText({ host: '127.0.0.1', port })))
    equal(host.emitted.length, 400 * 64)
  })

  it('fails on a line without an end', async () => {
    const endless = (connection: Connection): void => {
      connection.send(Buffer.from(`ok\n${'x'.repeat(5_000)}`))
    }
    await serve([endless], (port) => rejects(read(socketText({ host: '127.0.0.1', port, maxLineBytes: 1_000 })), { code: 'LINE_TOO_LONG' }))
  })
})

describe('standard input', () => {
  it('is cut into lines', async () => {
    const host = await read(stdin({ input: () => Readable.from([Buffer.from('a\nb'), Buffer.from('c\r\n'), Buffer.from('d')]) }))
    deepEqual(values(host), ['a', 'bc', 'd'])
  })

  it('is only read as fast as its lines are taken', async () => {
    let made = 0
    const chunk = Buffer.from('x'.repeat(63).concat('\n').repeat(1_024))
    const input = new Readable({
      read() {
        this.push(made++ < 100 ? chunk : null)
      },
    })
    let aheadMax = 0
    const host = await read(stdin({ input: () => input }), (current) => {
      aheadMax = Math.max(aheadMax, made * 1_024 - current.emitted.length)
    })
    equal(host.emitted.length, 100 * 1_024)
    ok(aheadMax < 40 * 1_024, `${aheadMax} lines ahead`)
  })

  it('fails by name', async () => {
    const input = new Readable({
      read() {
        setImmediate(() => this.destroy(new Error('EIO')))
      },
    })
    await rejects(read(stdin({ input: () => input })), { code: 'STDIN_FAILED' })
  })

  it('has not ended where it had failed before it is read, as after a restart', async () => {
    const input = new Readable({ read() {} })
    input.on('error', () => {}).destroy(new Error('EIO'))
    await new Promise((resolve) => input.once('close', resolve))
    await rejects(read(stdin({ input: () => input })), { code: 'STDIN_FAILED' })
  })
})
