import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeClock, nodeRandom, type Clock } from '@millrace/core'
import { VirtualClock } from '@millrace/testkit'
import type { ReaderContext, Split } from '../../source.ts'
import { FaultyServer } from '../fixtures/faulty-server.ts'
import { serverSentEvents, type ServerSentEvent, type ServerSentEventsOptions } from './server-sent-events.ts'

let server: FaultyServer

/** Reads until so many events are there, or the source has ended. */
class Reading {
  readonly events: ServerSentEvent[] = []
  readonly notices: string[] = []
  failure: Error | undefined
  hasEnded = false
  readonly #reader
  #wake: () => void = () => {}

  constructor(
    options: Partial<ServerSentEventsOptions> = {},
    split: Split = { id: 'events', lastEventId: '' } as Split,
    clock: Clock = nodeClock,
  ) {
    const unused = undefined as never
    const context: ReaderContext = {
      subtask: 0,
      parallelism: 1,
      clock,
      random: nodeRandom,
      disk: unused,
      network: unused,
      wake: () => this.#wake(),
      fail: (error) => {
        this.failure = error as Error
        this.#wake()
      },
      report: ({ code }) => void this.notices.push(code),
    }
    this.#reader = serverSentEvents({ url: server.url, retryDelay: 5, ...options }).createReader(context)
    this.#reader.addSplits([split])
    this.#reader.noMoreSplits()
  }

  async until(count: number): Promise<this> {
    // One is enough each time: a reader that goes on keeps its thread from answering.
    const output = { emit: (event: ServerSentEvent) => void this.events.push(event), enough: true }
    while (this.events.length < count && this.failure === undefined && !this.hasEnded) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      const before = this.events.length
      const next = this.#reader.poll(output)
      assert.ok(this.events.length <= before + 1)
      if (next === 'end') this.hasEnded = true
      if (next === 'wait' && this.events.length < count && this.failure === undefined) await woken
    }
    return this
  }

  get split(): Split {
    return this.#reader.snapshot()[0]!
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }
}

const begin = (response: ServerResponse): ServerResponse => response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })

describe('serverSentEvents', () => {
  before(async () => {
    server = await FaultyServer.start(() => {})
  })
  after(() => server.close())

  /** Events 1 to `last`, from behind the id that is asked for; a connection ends after so many, the last one in the middle of an event. */
  function numbers(last: number, each: number): void {
    server.answer = ({ headers }, response) => {
      const from = Number(headers['last-event-id'] ?? 0) + 1
      if (from > last) return void response.writeHead(204).end()
      begin(response)
      const to = Math.min(last, from + each - 1)
      for (let n = from; n <= to; n++) response.write(`id: ${n}\ndata: number ${n}\n\n`)
      response.write(`id: ${to + 1}\ndata: num`, () => response.destroy())
    }
  }

  it('goes on after the last event when the connection breaks, until the server says that there is nothing more', async () => {
    numbers(50, 7)
    const reading = await new Reading().until(Infinity)
    assert.deepEqual(
      reading.events.map(({ data }) => data),
      Array.from({ length: 50 }, (_, index) => `number ${index + 1}`),
    )
    assert.ok(reading.hasEnded && reading.notices.every((code) => code === 'EVENTS_RECONNECT'))
  })

  it('goes on where the checkpoint stood', async () => {
    numbers(5_000, 5_000)
    const first = await new Reading().until(300)
    const { split } = first
    await first.close()
    const rest = await new Reading({}, structuredClone(split)).until(Infinity)
    const all = [...first.events, ...rest.events].map(({ lastEventId }) => Number(lastEventId))
    assert.deepEqual(
      all,
      Array.from({ length: 5_000 }, (_, index) => index + 1),
    )
  })

  it('takes chosen types, headers, letters of all kinds cut anywhere', async () => {
    server.answer = ({ headers }, response) => {
      const bytes = Buffer.from(
        `: ${headers.authorization}\n\nevent: price\ndata: 12 €\n\ndata: other\n\nevent: price\nid: ü\ndata: 13 €\n\n`,
      )
      begin(response)
      for (const byte of bytes) response.write(Uint8Array.of(byte))
    }
    const reading = await new Reading({ types: ['price'], headers: { authorization: 'Bearer x' } }).until(2)
    assert.deepEqual(reading.events, [
      { type: 'price', data: '12 €', lastEventId: '' },
      { type: 'price', data: '13 €', lastEventId: 'ü' },
    ])
    await reading.close()
  })

  it('tries again after errors, heeds retry and Retry-After, and asks with the id in UTF-8', async () => {
    const asked: (string | undefined)[] = []
    const times: number[] = []
    server.answer = ({ headers }, response) => {
      const id = headers['last-event-id'] as string | undefined
      asked.push(id === undefined ? undefined : Buffer.from(id, 'latin1').toString())
      times.push(performance.now())
      if (asked.length === 1) response.writeHead(503).end()
      else if (asked.length === 2) begin(response).end('retry: 40\nid: ü1\ndata: a\n\n')
      else if (asked.length === 3) response.writeHead(503, { 'retry-after': '0' }).end()
      else begin(response).write('data: b\n\n')
    }
    const reading = await new Reading().until(2)
    assert.deepEqual(
      reading.events.map(({ data, lastEventId }) => [data, lastEventId]),
      [
        ['a', 'ü1'],
        ['b', 'ü1'],
      ],
    )
    assert.deepEqual(asked, [undefined, undefined, 'ü1', 'ü1'])
    assert.ok(times[2]! - times[1]! >= 39)
    await reading.close()
  })

  it('goes on after the last id with which it can ask, whatever ids follow', async () => {
    const asked: (string | undefined)[] = []
    server.answer = ({ headers }, response) => {
      asked.push(headers['last-event-id'] as string | undefined)
      if (asked.length === 1) begin(response).end('retry: 1\nid: 1\ndata: a\n\nid: 2\u0007\ndata: b\n\n')
      else if (asked.length === 2) begin(response).end('id: 2\u0007\ndata: b\n\nid: 3\ndata: c\n\n')
      else response.writeHead(204).end()
    }
    const reading = await new Reading().until(Infinity)
    assert.deepEqual(asked, [undefined, '1', '3'])
    assert.deepEqual(
      reading.events.map(({ data, lastEventId }) => [data, lastEventId]),
      [
        ['a', '1'],
        ['b', '1'],
        ['b', '1'],
        ['c', '3'],
      ],
    )
    await reading.close()
  })

  it('pauses ever longer where no connection comes about, also for a server that wants none', async () => {
    let requests = 0
    const refusals: readonly ((response: ServerResponse) => void)[] = [
      (response) => response.destroy(),
      (response) => void response.writeHead(503, { 'retry-after': '0' }).end(),
    ]
    for (const refuse of refusals) {
      requests = 0
      server.answer = (_, response) => {
        if (requests++ === 0) begin(response).end('retry: 0\nid: 1\ndata: the only one\n\n')
        else refuse(response)
      }
      const reading = await new Reading({ retryFor: 500 }).until(2)
      assert.match(String(reading.failure), /EVENTS_LOST/)
      assert.ok(requests >= 2 && requests <= 7, `${requests} connections`)
      assert.deepEqual(
        reading.events.map(({ lastEventId }) => lastEventId),
        ['1'],
      )
      await reading.close()
    }
  })

  it('pauses after a connection that has brought no event, also for a server that wants no pause', async () => {
    for (const [sent, expectedMs] of [
      ['retry: 0\n\n', 100],
      ['retry: 0\ndata: one\n\n', 0],
    ] as const) {
      const delaysMs: number[] = []
      const clock = new VirtualClock()
      const after = clock.after.bind(clock)
      clock.after = (delayMs, callback) => {
        delaysMs.push(delayMs)
        return after(delayMs, callback)
      }
      server.answer = (_, response) => void begin(response).end(sent)
      const reading = new Reading({ idleTimeout: '5m' }, undefined, clock)
      const isPause = (delayMs: number): boolean => delayMs !== 300_000
      while (!delaysMs.some(isPause)) await sleep(2)
      assert.equal(delaysMs.find(isPause), expectedMs)
      await reading.close()
    }
  })

  it('waits for as long as the server asks for: such a pause is no outage', async () => {
    let requests = 0
    server.answer = (_, response) => {
      requests++
      if (requests <= 2) begin(response).end(`retry: 300\nid: ${requests}\ndata: d\n\n`)
      else if (requests === 3) response.socket?.destroy()
      else response.writeHead(204).end()
    }
    const reading = await new Reading({ retryFor: 250 }).until(2)
    assert.deepEqual([reading.failure, reading.events.length], [undefined, 2])
    // What comes after the pause is one: its time counts from there.
    await reading.until(3)
    assert.match(String(reading.failure), /EVENTS_LOST/)
    await reading.close()
  })

  it('makes a connection again on which nothing comes', async () => {
    let connections = 0
    server.answer = (_, response) => {
      begin(response)
      // On a busy machine what the second brings may come too late as well.
      if (++connections > 1) response.write('data: a\n\n')
      else response.flushHeaders()
    }
    const reading = await new Reading({ idleTimeout: 50 }).until(1)
    assert.ok(connections > 1)
    await reading.close()
  })

  it('fails where nothing helps, without secrets in the message', async () => {
    const failure = async (options: Partial<ServerSentEventsOptions>): Promise<string> => {
      const reading = await new Reading(options).until(1)
      await reading.close()
      return reading.failure?.message ?? 'none'
    }
    server.answer = (_, response) => void response.writeHead(403).end()
    assert.match(await failure({}), /status 403 \[EVENTS_REFUSED\]/)
    server.answer = (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')
    assert.match(await failure({}), /its content is text\/html.*EVENTS_REFUSED/)
    server.answer = (_, response) => void begin(response).write(`data: ${'x'.repeat(2_000)}`)
    assert.match(await failure({ maxEventCharacters: 1_000 }), /EVENT_TOO_LARGE/)
    assert.match(await failure({ headers: { upgrade: 'h2c' } }), /option headers is refused by Node: .*upgrade.*EVENTS_REFUSED/)
    const gone = await FaultyServer.start(() => {})
    const { url } = gone
    await gone.close()
    const lost = await failure({ url: `${url}/events?token=secret`, retryFor: 20 })
    assert.match(lost, /\/events cannot be reached: .*ECONNREFUSED.*EVENTS_LOST/)
    assert.ok(!lost.includes('secret'), lost)
    assert.throws(() => new Reading({ startAfter: '1\u001b' }), { code: 'CONNECTOR_OPTION_INVALID', message: /startAfter/ })
    assert.throws(() => new Reading({ url: 'http://user:secret@127.0.0.1/' }), { code: 'CONNECTOR_OPTION_INVALID', message: /^[^@]*$/ })
  })

  it('reads no further while nobody takes events', async () => {
    let sent = 0
    server.answer = (_, response) => {
      begin(response)
      const data = 'x'.repeat(1_000)
      const write = (): void => {
        while (sent < 60_000) {
          sent++
          if (!response.write(`id: ${sent}\ndata: ${data}\n\n`)) return void response.once('drain', write)
        }
        response.end()
      }
      write()
    }
    const reading = new Reading()
    await reading.until(1)
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.ok(sent < 30_000, `${sent} were sent`)
    await reading.until(60_000)
    assert.equal(reading.events.length, 60_000)
    await reading.close()
  })
})
