import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

  const strangers: { readonly [what: string]: readonly [status: number, body: string] } = {
    'says 404 without a word': [404, ''],
    'says 404 with a page': [404, '<html><body>no such page</body></html>'],
    'says 200 without a word': [200, ''],
    'says 200 with a page': [200, '<html><body>sign in</body></html>'],
    'breaks off within a list': [200, '<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Cont'],
    'has more and does not say where': [200, '<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated></ListBucketResult>'],
  }
  for (const [what, [status, body]] of Object.entries(strangers)) {
    it(`behind somebody that ${what} is asked again, and not believed to have nothing`, async () => {
      answer = (response) => void response.writeHead(status).end(body)
      const store = storeWith(5_000)
      const isAskedAgain = (error: unknown): boolean => error instanceof ObjectStoreError && error.reason === 'unavailable' && error.retry
      await assert.rejects(store.list('prefix/'), isAskedAgain)
      await assert.rejects(store.put('object', Buffer.from('bytes')), isAskedAgain)
      if (status === 404) await assert.rejects(store.get('object'), isAskedAgain)
    })
  }

  it('that says that credentials have expired is asked again with those that are in their file now', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-s3-'))
    const file = join(folder, 'credentials')
    const write = (id: string): void =>
      writeFileSync(file, `[default]\naws_access_key_id=${id}\naws_secret_access_key=secret\naws_session_token=token\n`)
    for (const name of Object.keys(credentials)) delete process.env[name]
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = file
    try {
      write('old')
      const asked: string[] = []
      answer = (response, { headers }) => {
        const id = /Credential=(\w+)/.exec(String(headers.authorization))![1]!
        asked.push(id)
        if (id === 'new') response.writeHead(200).end('contents')
        else response.writeHead(400).end('<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>')
      }
      const direct = storeWith(5_000)
      await assert.rejects(direct.get('object'), { reason: 'forbidden', message: /ExpiredToken: The provided token has expired/ })
      write('new')
      const store = new RetryingStore(direct, { clock: nodeClock, random: nodeRandom, delayMs: 1 })
      assert.equal(Buffer.from(await store.get('object')).toString(), 'contents')
      assert.deepEqual(asked, ['old', 'new'])
    } finally {
      delete process.env['AWS_SHARED_CREDENTIALS_FILE']
      Object.assign(process.env, credentials)
      rmSync(folder, { recursive: true })
    }
  })

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
