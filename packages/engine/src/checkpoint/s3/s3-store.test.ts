import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { nodeClock, nodeRandom } from '@millrace/core'
import { ObjectStoreError } from '../object-store/object-store.ts'
import { RetryingStore } from '../object-store/retrying-store.ts'
import { S3Store } from './s3-store.ts'

const hourMs = 3_600_000
const credentials = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }

describe('an S3 server', () => {
  /** What it does with a request whose body it has. */
  let answer: (response: ServerResponse, request: IncomingMessage) => void = () => {}
  const server = createServer((request, response) => void request.resume().on('end', () => answer(response, request)))
  const former = new Map(Object.keys(credentials).map((name) => [name, process.env[name]]))

  before(async () => {
    Object.assign(process.env, credentials)
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  })
  after(() => {
    for (const [name, value] of former) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    server.closeAllConnections()
    server.close()
  })

  function storeWith(requestTimeoutMs: number): S3Store {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return new S3Store({ bucket: 'bucket', endpoint, region: 'here', pathStyle: true, requestTimeoutMs })
  }

  const silences: { readonly [where: string]: (response: ServerResponse) => void } = {
    'before it answers': () => {},
    'within what it answers': (response) => void response.writeHead(200, { 'content-length': '1000' }).write('<ListBucketResult>'),
  }
  for (const [where, silence] of Object.entries(silences)) {
    it(`that goes silent ${where} is asked again after the time for a request`, { timeout: 10_000 }, async () => {
      answer = silence
      const store = storeWith(50)
      const isRetried = (error: unknown): boolean => error instanceof ObjectStoreError && error.retry
      await assert.rejects(store.list('prefix/'), isRetried)
      await assert.rejects(store.get('object'), isRetried)
    })
  }

  it('whose clock is an hour from ours is asked again with its time', async () => {
    const asked: boolean[] = []
    answer = (response, request) => {
      const theirMs = Date.now() + hourMs
      const isTaken = Math.abs(signedMs(request) - theirMs) < hourMs / 4
      asked.push(isTaken)
      response.writeHead(isTaken ? 200 : 403, { date: new Date(theirMs).toUTCString() })
      response.end(isTaken ? 'contents' : '<?xml version="1.0"?><Error><Code>RequestTimeTooSkewed</Code><Message>too far</Message></Error>')
    }
    const store = new RetryingStore(storeWith(5_000), { clock: nodeClock, random: nodeRandom, delayMs: 1 })
    assert.equal(Buffer.from(await store.get('object')).toString(), 'contents')
    assert.deepEqual(asked, [false, true])
  })
})

/** `20261123T130000Z` */
function signedMs({ headers }: IncomingMessage): number {
  return Date.parse(String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
}
