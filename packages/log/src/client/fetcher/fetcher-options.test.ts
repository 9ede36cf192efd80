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

void test('sizes and times that are none are refused, and so are those by which nothing would ever be read', () => {
  fetcherSettings({ minBytes: 0, maxWaitMs: 0, maxBytes: 1, partitionMaxBytes: 1, bufferBytes: 1 })
  for (const [option, value] of [
    ['minBytes', NaN],
    ['maxWaitMs', '5s'],
    ['maxBytes', 0],
    ['partitionMaxBytes', 0],
    ['partitionMaxBytes', 2 ** 31],
    ['bufferBytes', 0],
    ['bufferBytes', '64mb'],
  ] as const) {
    const options = { [option]: value } as FetcherOptions
    assert.throws(() => fetcherSettings(options), { code: 'CLIENT_OPTION', message: new RegExp(`option ${option} must be a whole number`) })
  }
})
