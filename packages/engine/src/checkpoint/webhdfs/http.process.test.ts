import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { upload } from './http.ts'

const timeoutMs = 2_000
/** More than the system holds of it on the way. */
const part = new Uint8Array(32 * 1024 * 1024)

async function serverUrl(context: TestContext, serve: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer(serve)
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`
}

// At once: both mostly wait.
void describe('an upload', { concurrency: 2 }, () => {
  void it('may pause between its parts for longer than a request may take', { timeout: 60_000 }, async (context) => {
    let receivedBytes = 0
    const url = await serverUrl(context, (request, response) => {
      request.on('data', (bytes: Buffer) => void (receivedBytes += bytes.length))
      request.on('end', () => void response.writeHead(201).end())
    })
    const sent = upload({ method: 'PUT', url, timeoutMs })
    for (let parts = 0; parts < 2; parts++) {
      await sent.write(part)
      await sleep(1.25 * timeoutMs)
    }
    assert.equal((await sent.end()).status, 201)
    assert.equal(receivedBytes, 2 * part.length)
  })

  void it('is given up where nobody takes it, or nobody answers', { timeout: 60_000 }, async (context) => {
    const url = await serverUrl(context, (request) => void (request.method === 'PUT' ? request.pause() : request.resume()))
    const given = { reason: 'unreachable', message: /no answer within 2000 ms/ }
    await assert.rejects(upload({ method: 'PUT', url, timeoutMs }).write(part), given)
    const answered = upload({ method: 'POST', url, timeoutMs })
    await answered.write(part)
    await sleep(timeoutMs / 2)
    await assert.rejects(answered.end(), given)
  })
})
