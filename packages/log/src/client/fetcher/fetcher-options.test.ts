import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetcherSettings, type FetcherOptions } from './fetcher-options.ts'

void test('an isolation or a reset that there is not is refused, and not read as another', () => {
  for (const isolation of ['read_committed', 'read_uncommitted'] as const) assert.equal(fetcherSettings({ isolation }).isolation, isolation)
  assert.equal(fetcherSettings({}).isolation, 'read_committed')
  for (const options of [{ isolation: 'read-committed' }, { isolation: 'committed' }, { offsetReset: 'begin' }]) {
    const [[option, value] = []] = Object.entries(options)
    assert.throws(() => fetcherSettings(options as FetcherOptions), { code: 'CLIENT_OPTION', message: new RegExp(`${option}.*${value}`) })
  }
})
