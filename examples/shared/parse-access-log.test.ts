import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { parseAccessLogLine } from './parse-access-log.ts'

const log = gunzipSync(readFileSync(new URL('../data/access.log.gz', import.meta.url)))
  .toString('latin1')
  .split('\n')
  .slice(0, -1)

describe('an access log line', () => {
  it('is read field by field', () => {
    deepEqual(
      parseAccessLogLine(
        '127.0.0.9 - ann [29/Feb/2024:23:59:58 +0130] "POST /a?b=%22 HTTP/1.1" 201 17 "https://x.example/" "curl/8 \\x22q\\x22"',
      ),
      {
        client: '127.0.0.9',
        user: 'ann',
        at: Date.UTC(2024, 1, 29, 22, 29, 58),
        method: 'POST',
        target: '/a?b=%22',
        protocol: 'HTTP/1.1',
        status: 201,
        bytes: 17,
        referrer: 'https://x.example/',
        agent: 'curl/8 \\x22q\\x22',
      },
    )
  })

  it('is undefined where it holds no request, however it is cut or damaged', () => {
    const line = log.find((each) => each.includes('GET /products'))!
    for (let end = 0; end < line.indexOf('" 200'); end++) equal(parseAccessLogLine(line.slice(0, end)), undefined)
    for (const other of ['', ' ', '\u0000', '"'.repeat(1_000), '[29/Xxx/2024:00:00:00 +0000]']) equal(parseAccessLogLine(other), undefined)
  })

  it('takes no longer for a hostile line than for its length', () => {
    const hostile = `1.1.1.1 - - [29/Feb/2024:00:00:00 +0000] "GET /${'\\x22 '.repeat(50_000)}`
    const start = performance.now()
    equal(parseAccessLogLine(hostile), undefined)
    ok(performance.now() - start < 1_000)
  })
})

describe('the recorded log', () => {
  it('is what its description says', () => {
    equal(log.length, 39_939)
    const entries = log.map(parseAccessLogLine)
    equal(entries.filter((entry) => entry === undefined).length, 81)
    const statuses = new Set(entries.map((entry) => entry?.status))
    for (const status of [200, 201, 206, 301, 302, 304, 400, 401, 403, 404, 405, 410, 500, 503]) ok(statuses.has(status), `${status}`)
    ok(log.some((line) => line.length > 8_000))
    ok(entries.some((entry) => entry?.target.includes('\\xFF')))
  })
})
