// Sends requests to the nginx that record-access-log.sh has started: mostly what people and crawlers ask of a site, some of what scanners do.
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const port = Number(process.argv[2])
const total = Number(process.argv[3])
const parallel = 24

/** The same requests each time (their order in the log still depends on nginx): a small congruential generator is random enough. */
let state = 20_240_229
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}

function pick<T>(choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!
}

/** A few are asked for often, most rarely. */
function popular(count: number): number {
  return Math.floor(count ** random()) || 1
}

const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Gecko/20100101 Firefox/122.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0.6167.101 Mobile Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0',
  'Mozilla/5.0 (compatible; ExampleBot/2.1; +http://crawler.example/bot.html)',
  'curl/8.5.0',
  'Wget/1.21.4',
  'python-requests/2.31.0',
  'Go-http-client/1.1',
  'node',
]
const referrers = [
  'https://www.example.org/',
  'https://search.example/?q=stream+processing',
  'https://news.example/item?id=4711',
  'android-app://org.example.reader/',
]
const words = ['window', 'state', 'exactly once', 'checkpoint', 'größe', 'café', '流', 'a&b', '100%', '"quoted"']
const users = ['ann', 'bert', 'carla']

interface Visit {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
}

function path(): string {
  const kind = random()
  if (kind < 0.12) return '/'
  if (kind < 0.3)
    return `/products/${popular(150)}.html${random() < 0.2 ? `?color=${pick(['red', 'blue', 'green'])}&page=${popular(9)}` : ''}`
  if (kind < 0.42) return `/docs/chapter-${popular(40)}.html${random() < 0.05 ? '?print=1' : ''}`
  if (kind < 0.52) return `/blog/entry-${popular(60)}.html${random() < 0.15 ? '?utm_source=newsletter&utm_medium=mail' : ''}`
  if (kind < 0.7) return pick(['/assets/site.css?v=17', '/assets/site.js?v=17', '/assets/logo.png', '/favicon.ico'])
  if (kind < 0.76) return `/search?q=${encodeURIComponent(pick(words))}${random() < 0.3 ? `&page=${popular(20)}` : ''}`
  if (kind < 0.86) return `/api/${pick(['items', 'items', 'cart', 'users'])}/${popular(500)}`
  if (kind < 0.89) return pick(['/api/orders', '/api/orders', '/api/report', '/api/slow'])
  if (kind < 0.92) return `/old/page-${popular(30)}`
  if (kind < 0.94) return pick(['/login', '/account', '/gone', '/docs/', '/robots.txt'])
  if (kind < 0.97) return `/missing/${popular(200)}.html`
  return pick([
    '/wp-login.php',
    '/.env',
    '/admin',
    '/admin/config.php',
    '/phpmyadmin/index.php',
    '/.git/HEAD',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/index.php?s=/<script>alert(1)</script>',
  ])
}

function visit(): Visit {
  const target = path()
  const headers: Record<string, string> = { host: 'www.example.org', 'user-agent': pick(agents) }
  if (random() < 0.55) headers['referer'] = random() < 0.7 ? `https://www.example.org/products/${popular(150)}.html` : pick(referrers)
  if (random() < 0.02) headers['authorization'] = `Basic ${Buffer.from(`${pick(users)}:secret`).toString('base64')}`
  if (random() < 0.05) headers['range'] = 'bytes=0-99'
  if (random() < 0.08) headers['if-modified-since'] = 'Fri, 01 Jan 2100 00:00:00 GMT'
  if (random() < 0.01) delete headers['user-agent']
  const method = target === '/api/orders' ? 'POST' : random() < 0.03 ? 'HEAD' : random() < 0.01 ? 'OPTIONS' : 'GET'
  return { method, path: target, headers }
}

const agent = new Agent({ keepAlive: true, maxFreeSockets: 4 })

/** Clients have addresses of their own: all of 127.0.0.0/8 is this machine. */
function address(): string {
  return `127.${popular(4)}.${popular(30)}.${popular(200)}`
}

function send({ method, path: target, headers }: Visit, localAddress: string): Promise<void> {
  return new Promise((resolve) => {
    const sent = request({ agent, host: '127.0.0.1', port, localAddress, method, path: target, headers }, (response) => {
      response.resume()
      response.on('end', resolve)
    })
    sent.on('error', () => resolve()) // nginx closed an idle connection: the log says what counts
    sent.end(method === 'POST' ? '{"item":1}' : undefined)
  })
}

const bytes = (...values: number[]): string => String.fromCharCode(...values)

/** What arrives at every server on the Internet: nothing a client library would send. One character is one byte. */
const hostile: readonly (() => string)[] = [
  () => `GET /${'a'.repeat(2_000 + Math.floor(random() * 5_000))} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  () => `GET /${'long/'.repeat(4_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  () => `GET /search?q="quoted"&r=\\back\\slash HTTP/1.1\r\nHost: x\r\nUser-Agent: say "hello" \\ to 'them'\r\nConnection: close\r\n\r\n`,
  () =>
    `GET /${bytes(0xe4, 0xf6, 0xfc, 0xff, 0xfe)}?x=${bytes(0x80, 0xc3)} HTTP/1.1\r\nHost: x\r\nUser-Agent: ${bytes(0xff, 0xc3, 0x28)}\r\nConnection: close\r\n\r\n`,
  () =>
    `GET /caf${bytes(0xc3, 0xa9)}/%e4%bd%a0%00%0a HTTP/1.1\r\nHost: x\r\nReferer: https://example.org/"><img src=x>\r\nConnection: close\r\n\r\n`,
  () => `GET /?x=\${jndi:ldap://127.0.0.1/a} HTTP/1.1\r\nHost: x\r\nUser-Agent: \${jndi:ldap://127.0.0.1/b}\r\nConnection: close\r\n\r\n`,
  () => `GET /%22%20HTTP/1.1%22%20200%200 HTTP/1.1\r\nHost: x\r\nUser-Agent: x" 200 0 "-" "y\r\nConnection: close\r\n\r\n`,
  () => `GET / HTTP/1.0\r\n\r\n`,
  () => `GET /\r\n`,
  () => `${bytes(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03)}\r\n\r\n`,
  () => `\r\n\r\nnonsense\r\n\r\n`,
  () => `CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n`,
  () => `PROPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  () => `GET http://example.org/proxy HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n`,
  () => `GET /a b c HTTP/1.1\r\nHost: x\r\n\r\n`,
  () => `GET /${bytes(0x1b)}[31mred${bytes(0x07)} HTTP/1.1\r\nHost: x\r\nUser-Agent: tab\there\r\nConnection: close\r\n\r\n`,
  () => `GET / HTTP/1.1\r\n\r\n`,
]

function sendRaw(text: string, localAddress: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress })
    socket.on('error', () => {}) // nginx may well hang up first
    socket.on('close', () => resolve())
    socket.resume()
    socket.end(Buffer.from(text, 'latin1'))
  })
}

/** Leaves in the middle of a slow answer. */
function abandon(localAddress: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.once('data', () => socket.destroy())
    socket.write('GET /download/archive.bin HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/8.5.0\r\n\r\n')
  })
}

async function untilUp(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port })
      socket.on('error', () => resolve(false))
      socket.on('connect', () => {
        socket.destroy()
        resolve(true)
      })
    })
    if (isUp) return
    await sleep(50)
  }
  throw new Error(`nothing listens on port ${port}`)
}

let begun = 0
async function client(): Promise<void> {
  while (begun < total) {
    begun++
    const kind = random()
    const from = address()
    if (kind < 0.008) await sendRaw(pick(hostile)(), from)
    else if (kind < 0.009) await abandon(from)
    else await send(visit(), from)
  }
}

await untilUp()
await Promise.all(Array.from({ length: parallel }, client))
agent.destroy()
