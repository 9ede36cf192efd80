import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Log, type LogOptions } from './log.ts'

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
