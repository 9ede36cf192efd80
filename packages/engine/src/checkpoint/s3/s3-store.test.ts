import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { ObjectStoreError } from '../object-store/object-store.ts'
import { S3Store } from './s3-store.ts'

/** What the server does with a request whose body it has. */
let answer: (response: ServerResponse) => void = (response) => void response.end()
const server = createServer((request, response) => void request.resume().on('end', () => answer(response)))
const former = { ...process.env }

before(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
})
after(() => {
  process.env = former
  server.closeAllConnections()
  server.close()
})

describe('an S3 server that goes silent', () => {
  const silences: { readonly [where: string]: (response: ServerResponse) => void } = {
    'before it answers': () => {},
    'within what it answers': (response) => void response.writeHead(200, { 'content-length': '1000' }).write('<ListBucketResult>'),
  }
  for (const [where, silence] of Object.entries(silences)) {
    it(`${where} is asked again after the time for a request`, { timeout: 10_000 }, async () => {
      answer = silence
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const store = new S3Store({ bucket: 'bucket', endpoint, region: 'here', pathStyle: true, requestTimeoutMs: 50 })
      const isRetried = (error: unknown): boolean => error instanceof ObjectStoreError && error.retry
      await assert.rejects(store.list('prefix/'), isRetried)
      await assert.rejects(store.get('object'), isRetried)
    })
  }
})
