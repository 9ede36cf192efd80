import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogClient } from './client.ts'
import { groupSettings, type GroupOptions } from './groups/group-options.ts'
import type { ClientOptions } from './options.ts'

void test('a client id that is no text is refused, and not tried again for ever', () => {
  assert.throws(() => new LogClient({ bootstrap: 'h:1', clientId: 5 } as unknown as ClientOptions), {
    code: 'CLIENT_OPTION',
    message: /option clientId must be text, and is 5/,
  })
  new LogClient({ bootstrap: 'h:1', clientId: '' }).close()
})

void test('a group member with what cannot be is refused when it is made', () => {
  const right = { groupId: 'g', topics: ['t'] }
  groupSettings({ ...right, autoCommitIntervalMs: 0, assignors: ['range'] })
  for (const [option, value] of [
    ['groupId', undefined],
    ['assignors', ['sticky']],
    ['assignors', []],
    ['sessionTimeoutMs', '45s'],
    ['heartbeatIntervalMs', 0],
    ['rebalanceTimeoutMs', 2 ** 31],
    ['autoCommitIntervalMs', NaN],
  ] as const) {
    const options = { ...right, [option]: value } as unknown as GroupOptions
    assert.throws(() => groupSettings(options), { code: 'CLIENT_OPTION', message: new RegExp(`option ${option} must be `) }, option)
  }
})
