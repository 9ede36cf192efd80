import { messageOf } from '../errors.ts'
import { prometheusContentType } from './prometheus.ts'

/** A server of metrics, with the port that it really has. `close` ends connections too. */
export interface MetricServer {
  readonly port: number
  close(): Promise<void>
}

/** Where metrics are served, and what. */
export interface MetricServerOptions {
  /** Name or address of this machine. */
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** The page of metrics. */
  readonly read: () => string
  /** Why what is served cannot do its work now; undefined: it does. Default: it always does. */
  readonly unready?: () => string | undefined
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/**
 * Serves metrics at `/metrics`, and health beside them, over HTTP; `node:http` is loaded only now, as it costs start-up time.
 * `/live` is 200 whenever it is answered: the thread goes round. `/ready` is 200, or 503 with the reason in its text.
 * It does not keep the process alive. Rejects if the port is taken.
 */
export async function serveMetrics(options: MetricServerOptions): Promise<MetricServer> {
  // An import also reads what is made on demand, `http.WebSocket` among it, for which Node loads its client for fetch: 50 ms.
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer((request, response) => {
    const { status, type, text } = answer(options, request.method ?? '', request.url ?? '')
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(text)
  })
  server.maxConnections = 64
  server.requestTimeout = 10_000
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Whatever is asked is answered: what fails is said to who asked. */
function answer(options: MetricServerOptions, method: string, url: string): Answer {
  const page = pages[url.split('?', 1)[0]!]
  if (page === undefined) return plain(404, 'metrics are at /metrics, health at /live and /ready')
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD')
  try {
    return page(options)
  } catch (error) {
    return plain(500, messageOf(error))
  }
}

const pages: { readonly [path: string]: ((options: MetricServerOptions) => Answer) | undefined } = Object.assign(Object.create(null), {
  '/metrics': ({ read }: MetricServerOptions) => ({ status: 200, type: prometheusContentType, text: read() }),
  '/live': () => plain(200, 'live'),
  '/ready': ({ unready }: MetricServerOptions) => {
    const reason = unready?.()
    return reason === undefined ? plain(200, 'ready') : plain(503, reason)
  },
})

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', text: `${text}\n` }
}
