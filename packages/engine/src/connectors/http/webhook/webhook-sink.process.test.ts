import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeClock, nodeRandom } from '@millrace/core'
import { defineJob } from '../../../api/job.ts'
import { execute } from '../../../runtime/execute.ts'
import type { Sink, SinkWriter } from '../../sink.ts'
import type { ConnectorNotice } from '../../source.ts'
import { FaultyServer } from '../fixtures/faulty-server.ts'
import { webhookSink, type RefusedRequest, type WebhookSinkOptions } from './webhook-sink.ts'

interface Seen {
  readonly key: string
  readonly body: unknown
}

let server: FaultyServer
let seen: Seen[] = []

const seenOf = (headers: NodeJS.Dict<string | string[]>, body: string): Seen => ({
  key: String(headers['idempotency-key']),
  body: JSON.parse(body) as unknown,
})

async function send(numbers: readonly number[], options: Partial<WebhookSinkOptions<number>> = {}): Promise<void> {
  const job = defineJob(
    'hooks',
    (env) =>
      void env
        .fromCollection(numbers)
        .sinkTo(webhookSink<number>({ url: server.url, ...options }))
        .uid('hook'),
  )
  const result = await execute(job, { options: { restart: { strategy: 'none' } } })
  assert.equal(result.state, 'finished')
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

describe('webhookSink', () => {
  before(async () => {
    server = await FaultyServer.start(() => {})
  })
  beforeEach(() => {
    seen = []
    server.answer = ({ headers }, response, body) => {
      seen.push(seenOf(headers, body))
      response.writeHead(204).end()
    }
  })
  after(() => server.close())

  it('sends a request a record, each under a name of its own', async () => {
    await send(upTo(50))
    assert.deepEqual(
      seen.map(({ body }) => body as number).toSorted((a, b) => a - b),
      upTo(50),
    )
    assert.equal(new Set(seen.map(({ key }) => key)).size, 50)
  })

  it('refuses what can be no request, where the job is built or with the record, and does not try it again', async () => {
    const refused = (options: object, message: RegExp): void =>
      assert.throws(() => webhookSink({ url: server.url, ...options }), { code: 'CONNECTOR_OPTION_INVALID', message })
    refused({ method: 'GET' }, /option method is GET: one of POST, PUT, PATCH, DELETE/)
    refused({ headers: { 'a b': 'x' } }, /option headers has "a b", which is no header/)
    refused({ headers: { a: '日' } }, /option headers has "a"/)
    refused({ idempotencyHeader: 'a b' }, /option idempotencyHeader is a b/)
    refused({ idempotencyKey: 'id' }, /option idempotencyKey must be a function/)
    await assert.rejects(send([1], { headers: () => ({ a: '日' }) }), /headers has "a".*SINK_FORMAT_FAILED/)
    await assert.rejects(send([1], { idempotencyKey: () => 'é日' }), /idempotencyKey answers 'é日'.*SINK_FORMAT_FAILED/)
    await assert.rejects(send([1], { idempotencyKey: () => '' }), /idempotencyKey answers ''.*SINK_FORMAT_FAILED/)
    await assert.rejects(send([1], { url: 'http://127.0.0.1:6000' }), {
      code: 'CONNECTOR_OPTION_INVALID',
      message: /a port that Node asks nothing of/,
    })
    const headers = [{ expect: '100-continue' }, { upgrade: 'h2c' }, { 'content-length': '7' }, { note: 'a\u0001' }]
    for (const given of headers) {
      const problem = /option headers is refused by Node: .*header/
      await assert.rejects(send([1], { headers: given }), { code: 'CONNECTOR_OPTION_INVALID', message: problem })
    }
    assert.deepEqual(seen, [])
  })

  it('sends batches, in order with one request at a time', async () => {
    await send(upTo(25), { batchRecords: 10, concurrency: 1 })
    assert.deepEqual(
      seen.map(({ body }) => (body as readonly number[]).length),
      [10, 10, 5],
    )
    assert.deepEqual(
      seen.flatMap(({ body }) => body as number[]),
      upTo(25),
    )
  })

  it('takes address, method, headers, body and name from the records', async () => {
    const requests: unknown[] = []
    server.answer = ({ url, method, headers }, response, body) => {
      requests.push([url, method, headers['content-type'], headers['x-n'], headers['x-key'], body])
      response.end('fine')
    }
    await send([7], {
      url: ([n]) => `${server.url}/orders/${n}?token=secret`,
      method: 'PUT',
      headers: ([n]) => ({ 'Content-Type': 'text/plain', 'X-N': String(n) }),
      body: ([n]) => Buffer.from(`number ${n}`),
      idempotencyHeader: 'x-key',
      idempotencyKey: ([n]) => `order-${n}`,
    })
    assert.deepEqual(requests, [['/orders/7?token=secret', 'PUT', 'text/plain', '7', 'order-7', 'number 7']])
  })

  it('never has more requests under way than it may', async () => {
    let underWay = 0
    let most = 0
    server.answer = (_, response) => {
      most = Math.max(most, ++underWay)
      setTimeout(() => {
        underWay--
        response.end()
      }, 2)
    }
    await send(upTo(60), { concurrency: 3 })
    assert.equal(most, 3)
  })

  it('tries again under the same name: no answer, errors, too many, a time-out', async () => {
    const tries = new Map<string, number>()
    server.answer = ({ headers }, response, body) => {
      const attempt = seenOf(headers, body)
      const count = (tries.get(attempt.key) ?? 0) + 1
      tries.set(attempt.key, count)
      if (count === 1) response.destroy()
      else if (count === 2) response.writeHead(503, { 'retry-after': '0' }).end('later')
      else if (count === 3) return // no answer at all: the time-out, which on a busy machine some of the answers come too late for, too
      else {
        seen.push(attempt)
        response.end()
      }
    }
    await send(upTo(3), { timeout: 60 })
    assert.ok(tries.size === 3 && [...tries.values()].every((count) => count >= 4), [...tries.values()].join())
    assert.deepEqual(new Set(seen.map(({ key }) => key)), new Set(tries.keys()))
    assert.deepEqual(new Set(seen.map(({ body }) => body)), new Set(upTo(3)))
  })

  it('takes the status for the answer, whatever becomes of the rest of it', async () => {
    const rests: Readonly<Record<string, (response: ServerResponse, status: number) => void>> = {
      'breaks off': (response, status) => {
        response.writeHead(status, { 'content-length': '100' }).write('be', () => setTimeout(() => response.destroy(), 5))
      },
      'never ends': (response, status) => void response.writeHead(status).write('be'),
      'is not what it says': (response, status) => void response.writeHead(status, { 'content-encoding': 'gzip' }).end('be'),
    }
    const options = { timeout: 1_000, retryFor: 3_000 }
    for (const [name, rest] of Object.entries(rests)) {
      let requests = 0
      let status = 200
      server.answer = (_, response) => {
        requests++
        rest(response, status)
      }
      await send([1], options)
      assert.equal(requests, 1, `200 that ${name}: sent again`)
      status = 400
      await assert.rejects(send([1], options), /status 400.*WEBHOOK_REFUSED/, `400 that ${name}`)
      assert.equal(requests, 2, `400 that ${name}: sent again`)
    }
  })

  it('waits for as long as Retry-After asks, with all requests', async () => {
    const times: number[] = []
    server.answer = (_, response) => {
      times.push(performance.now())
      if (times.length === 1) response.writeHead(429, { 'retry-after': '1' }).end()
      else response.end()
    }
    await send(upTo(3), { concurrency: 1 })
    assert.equal(times.length, 4)
    assert.ok(times[1]! - times[0]! >= 990, `${times[1]! - times[0]!} ms`)
  })

  it('pauses ever longer for a server that would have it at once, again and again', async () => {
    for (const asks of ['0', new Date(Date.now() - 60_000).toUTCString()]) {
      let requests = 0
      server.answer = (_, response) => {
        requests++
        response.writeHead(503, { 'retry-after': asks }).end()
      }
      await assert.rejects(send([1], { retryFor: 1_500 }), /WEBHOOK_UNAVAILABLE/)
      assert.ok(requests >= 2 && requests <= 8, `Retry-After: ${asks}: ${requests} requests`)
    }
  })

  it('says so when one request is tried again and again, also while others are accepted', async () => {
    server.answer = (_, response, body) => void response.writeHead(body === '0' ? 500 : 204).end()
    const notices: string[] = []
    const writer = newWriter((notice) => void notices.push(`${notice.code}: ${notice.message}`))
    await writer.open([])
    for (let n = 0; notices.length === 0 && n < 200; n++) {
      writer.write(n, 0)
      await sleep(20)
    }
    await writer.close()
    assert.match(notices.join('\n'), /^WEBHOOK_RETRY: .*127\.0\.0\.1.* has not accepted a request for \ds: status 500; it is tried again$/)
  })

  it('fails where nothing helps, without secrets in the message', async () => {
    server.answer = (_, response) => void response.writeHead(503).end('closed for ever')
    await assert.rejects(
      send([1], { url: `${server.url}/hook?token=secret`, retryFor: 50 }),
      (error: Error) =>
        /did not accept.*status 503: closed for ever.*WEBHOOK_UNAVAILABLE/.test(error.message) && !/secret/.test(error.message),
    )
    server.answer = (_, response) => void response.writeHead(302, { location: '/' }).end()
    await assert.rejects(send([1]), /status 302.*WEBHOOK_REFUSED/)
    const gone = await FaultyServer.start(() => {})
    const { url } = gone
    await gone.close()
    await assert.rejects(send([1], { url, retryFor: 0 }), /ECONNREFUSED.*WEBHOOK_UNAVAILABLE/)
    await assert.rejects(send([1], { url: () => 'nowhere' }), /url answers is no address.*SINK_FORMAT_FAILED/)
  })

  it('leaves refused records out, or writes them to another sink', async () => {
    server.answer = ({ headers }, response, body) => {
      const request = seenOf(headers, body)
      if (Number(request.body) % 10 === 3) response.writeHead(422).end('no threes')
      else {
        seen.push(request)
        response.end()
      }
    }
    await send(upTo(30), { onRefused: 'skip' })
    assert.equal(seen.length, 27)
    const refused: RefusedRequest<number>[] = []
    const committed: unknown[] = []
    const names: string[] = []
    const dead: Sink<RefusedRequest<number>> = {
      connector: 'dead letters',
      delivery: 'exactly-once',
      createWriter: ({ stateId }) => {
        names.push(stateId)
        return {
          open() {},
          write: (each) => void refused.push(each),
          prepare: async () => [{ dead: refused.length }],
          commit: async (handles) => void committed.push(...handles),
          close() {},
        }
      },
    }
    await send(upTo(30), { onRefused: dead })
    assert.deepEqual(
      refused.toSorted((a, b) => a.records[0]! - b.records[0]!),
      [3, 13, 23].map((n) => ({ records: [n], status: 422, answer: 'no threes' })),
    )
    assert.deepEqual([committed, names], [[{ dead: 3 }], ['hook-refused']])
  })

  it('gives requests that are made again after a restart the names they had', async () => {
    const lives: Seen[][] = []
    let handles: readonly unknown[] = []
    for (const from of [0, 5, 5]) {
      seen = []
      const writer = newWriter()
      await writer.open(structuredClone(handles))
      for (let n = from; n < 10; n++) {
        if (n === 5 && from === 0) handles = await writer.prepare(1)
        writer.write(n, 0)
      }
      await writer.prepare(2)
      await writer.close()
      lives.push(seen)
    }
    const keys = (life: number, from: number): readonly string[] =>
      lives[life]!.filter(({ body }) => (body as number) >= from)
        .toSorted((a, b) => (a.body as number) - (b.body as number))
        .map(({ key }) => key)
    assert.equal(new Set(lives.flat().map(({ key }) => key)).size, 10)
    assert.deepEqual(keys(1, 5), keys(0, 5))
    assert.deepEqual(keys(2, 5), keys(0, 5))
  })

  it('names what is wrong with options', () => {
    const code = { code: 'CONNECTOR_OPTION_INVALID' }
    assert.throws(() => webhookSink({ url: 'ftp://a' }), code)
    assert.throws(() => webhookSink({ url: 'http://user:secret@a' }), { ...code, message: /^[^@]*$/ })
    assert.throws(() => webhookSink({ url: server.url, concurrency: 0 }), code)
    assert.throws(() => webhookSink({ url: server.url, onRefused: 'drop' as never }), code)
    assert.throws(() => webhookSink({ url: server.url, timeout: 'soon' as never }), code)
  })
})

function newWriter(report: (notice: ConnectorNotice) => void = () => {}): SinkWriter<number> {
  const unused = undefined as never
  return webhookSink<number>({ url: server.url }).createWriter({
    subtask: 0,
    parallelism: 1,
    jobName: 'hooks',
    stateId: 'hook',
    attempt: 1,
    clock: nodeClock,
    disk: unused,
    network: unused,
    random: nodeRandom,
    wake: () => {},
    report,
    fail: (error) => assert.fail(error as Error),
  })
}
