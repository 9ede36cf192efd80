import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Log } from './log.ts'
import type { LogOptions } from './log-options.ts'

void test('an option that there is not is refused: a folder that is misspelled would be a temporary one', async () => {
  for (const [option, meant] of [
    ['dirs', 'dir'],
    ['durabel', 'durable'],
    ['memroy', 'memory'],
    ['user', 'users'],
  ] as const) {
    const started = Log.start({ memory: true, [option]: true }).then((log) => log.close())
    const message = new RegExp(`Log\\.start has no option ${option}; did you mean ${meant}\\?`)
    await assert.rejects(started, { code: 'LOG_OPTION_UNKNOWN', message }, option)
  }
  const nothing = Log.start({ memory: true, folder: 'orders' } as LogOptions).then((log) => log.close())
  await assert.rejects(nothing, { code: 'LOG_OPTION_UNKNOWN', message: /has no option folder: dir, memory, host/ })
})

void test('an option that cannot be is refused by its name', async () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ config: { 'num.partitions': 3 } }, /config\['num.partitions'\] of Log.start must be text, and is 3/],
    [{ config: null }, /config of Log.start must be an object, and is null/],
    [{ dir: 5 }, /dir of Log.start must be a folder, or a list of them, and is 5/],
    [{ host: 5 }, /host of Log.start must be text/],
    [{ port: -1 }, /port of Log.start must be a port, 0 to 65535, and is -1/],
    [{ metricsPort: '9090' }, /metricsPort of Log.start must be a port/],
    [{ durable: 'yes' }, /durable of Log.start must be true or false/],
    [{ onRequest: true }, /onRequest of Log.start must be a function/],
    [{ users: { alice: 12345 } }, /users\['alice'\] of Log.start must be text, and is number/],
  ]
  for (const [options, message] of wrong) {
    const started = Log.start({ memory: true, ...options }).then((log) => log.close())
    await assert.rejects(started, { code: 'LOG_OPTION_INVALID', message }, String(message))
  }
})

void test('a log that listens on every interface tells clients of localhost, or of what it is told', async () => {
  for (const [options, host] of [
    [{ host: '0.0.0.0' }, 'localhost'],
    [{ host: '0.0.0.0', advertisedHost: '127.0.0.1' }, '127.0.0.1'],
    [{ config: { listeners: 'PLAINTEXT://0.0.0.0:0' } }, 'localhost'],
  ] as const) {
    const log = await Log.start({ memory: true, ...options })
    assert.equal(log.bootstrap, `${host}:${log.port}`)
    await log.close()
  }
})
