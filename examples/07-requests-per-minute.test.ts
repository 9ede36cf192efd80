import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { collect, execute } from 'millrace'
import requestsPerMinute, { countsPerMinute, type Request } from './07-requests-per-minute.ts'
import { everyRecordAWatermark } from './shared/every-record-a-watermark.ts'
import { parseAccessLogLine } from './shared/parse-access-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-requests-per-minute-'))
after(() => rmSync(folder, { recursive: true }))

async function linesOf(requests: readonly Request[], parallelism: number = 1): Promise<string[]> {
  const lines: string[] = []
  const results = collect(
    (env) => {
      const { counts, late } = countsPerMinute(env.fromCollection(requests, { watermarks: everyRecordAWatermark<Request>() }))
      return counts
        .map(({ path, minute, count }) => `${path} ${minute / 60_000} ${count}`)
        .union(late.map(({ path, at }) => `${path} ${at / 1_000} late`))
    },
    { parallelism },
  )
  for await (const line of results) lines.push(line)
  return lines
}

function at(path: string, seconds: number): Request {
  return { path, at: seconds * 1_000 }
}

void test('each minute is counted by itself and written when it is over, the rest at the end', async () => {
  const requests = [at('/a', 1), at('/b', 2), at('/a', 59), at('/a', 60), at('/b', 121), at('/a', 121)]
  const minutes = (await linesOf(requests)).map((line) => Number(line.split(' ')[1]))
  assert.deepEqual(minutes, [0, 0, 1, 2, 2])
  for (const parallelism of [1, 3])
    assert.deepEqual((await linesOf(requests, parallelism)).toSorted(), ['/a 0 2', '/a 1 1', '/a 2 1', '/b 0 1', '/b 2 1'])
})

void test('what comes after its minute has been written is late; what comes late within it is not', async () => {
  assert.deepEqual(await linesOf([at('/a', 50), at('/a', 40), at('/a', 61), at('/a', 59), at('/a', 62)]), [
    '/a 0 2',
    '/a 59 late',
    '/a 1 2',
  ])
})

void test('the counts of the recorded log add up', async () => {
  const output = join(folder, 'counts')
  const log = join(import.meta.dirname, 'data/access.log.gz')
  assert.equal((await execute(requestsPerMinute, { parallelism: 2, params: { input: log, output } })).state, 'finished')
  const lines = readdirSync(output).flatMap((name) => readFileSync(join(output, name), 'utf8').split('\n').slice(0, -1))
  const entries = gunzipSync(readFileSync(log)).toString('latin1').split('\n').map(parseAccessLogLine)
  const requests = entries.filter((entry) => entry !== undefined)
  const counted = lines.filter((line) => !line.endsWith(' late'))
  const sum = counted.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0)
  assert.equal(sum + lines.length - counted.length, requests.length)
  assert.equal(new Set(counted.map((line) => line.slice(0, line.lastIndexOf(' ')))).size, counted.length, 'a minute was written twice')
})
