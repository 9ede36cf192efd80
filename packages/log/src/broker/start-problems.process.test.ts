// Whatever keeps a broker from starting is told with what to change and who must do so, and leaves nothing behind.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DiskError, MillraceError } from '@millrace/core'
import { testAuthority } from '@millrace/testkit'
import { Log } from './log.ts'
import type { LogOptions } from './log-options.ts'
import { directoryProblem, diskProblem } from './start-problems.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-start-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

async function problemOf(options: LogOptions): Promise<string> {
  const error: unknown = await Log.start(options).then(
    (log) => log.close().then(() => new Error('it has started')),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MillraceError, String(error))
  assert.ok(error.who !== 'bug')
  return `${error.message} (${error.who})`
}

const tls = { listeners: 'SSL://127.0.0.1:0' }

test('a key store that is a folder, missing, or no key', async (t) => {
  const path = folder(t)
  const own = 'listener.name.ssl.ssl.keystore.location'
  assert.equal(
    await problemOf({ memory: true, config: { ...tls, 'ssl.keystore.location': path }, ports: {} }),
    `The configuration ssl.keystore.location cannot be used: there is no ${path} [SECURITY_CONFIG] (operator)`,
    'in memory there are no files of this machine',
  )
  const dir = join(path, 'log')
  assert.equal(
    await problemOf({ dir, config: { ...tls, 'ssl.keystore.location': path } }),
    `The configuration ssl.keystore.location cannot be used: ${path} is a folder, not a file [SECURITY_CONFIG] (operator)`,
  )
  assert.equal(
    await problemOf({ dir, config: { ...tls, [own]: join(path, 'none') } }),
    `The configuration ${own} cannot be used: there is no ${join(path, 'none')} [SECURITY_CONFIG] (operator)`,
  )
  const { certificate, key } = testAuthority('start').issue({ subject: { CN: 'localhost' }, hosts: ['localhost'] })
  const damaged = key.replace(/\n(.{20})/, '\nAAAAAAAAAAAAAAAAAAAA')
  writeFileSync(join(path, 'damaged.pem'), `${damaged}${certificate}`)
  assert.match(
    await problemOf({ dir, config: { ...tls, [own]: join(path, 'damaged.pem') } }),
    /^The configuration listener\.name\.ssl\.ssl\.keystore\.location cannot be used: key and certificates cannot be used: /,
  )
  writeFileSync(join(path, 'store.pem'), `${key}${certificate}`)
  assert.equal(
    await problemOf({ dir, config: { ...tls, 'ssl.keystore.location': join(path, 'store.pem'), 'ssl.truststore.location': path } }),
    `The configuration ssl.truststore.location cannot be used: ${path} is a folder, not a file [SECURITY_CONFIG] (operator)`,
  )
})

test('a log directory that is a file, or below one', async (t) => {
  const file = join(folder(t), 'file')
  writeFileSync(file, '')
  for (const dir of [file, join(file, 'log')]) {
    assert.match(await problemOf({ dir }), /^The log directory .* cannot be used: .* a folder is needed \[BROKER_DIRECTORY_UNUSABLE\]/)
  }
  const denied = directoryProblem(new DiskError('not-permitted', 'open', '/log/meta.properties'), '/log')
  assert.equal(
    denied.message,
    'The log directory /log cannot be used: the user of this process has no permission for /log/meta.properties [BROKER_DIRECTORY_UNUSABLE]',
  )
  assert.equal(diskProblem(Object.assign(new Error('x'), { code: 'EROFS' }), '/log'), 'the user of this process has no permission for /log')
})

test('a port that is in use, an address of another machine, metrics on a port that is in use', async (t) => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const { port } = server.address() as AddressInfo
  const dir = folder(t)
  assert.equal(
    await problemOf({ dir, port }),
    `The broker cannot listen on 127.0.0.1:${port} (listener PLAINTEXT): the port is in use. Set another place in listeners (or port), or free this one [BROKER_CANNOT_LISTEN] (operator)`,
  )
  assert.match(await problemOf({ dir, host: '203.0.113.1' }), /203\.0\.113\.1:0 \(listener PLAINTEXT\): this machine has no such address/)
  assert.match(await problemOf({ dir, metricsPort: port }), new RegExp(`:${port} \\(metrics\\): the port is in use\\. Set .* metricsPort`))
  server.close()
  const log = await Log.start({ dir, port })
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(resolve)).on('error', reject)
  })
  await log.close()
})
