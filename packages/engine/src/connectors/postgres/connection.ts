import { isIP } from 'node:net'
import type { Duration } from '@millrace/core'
import type { ClientConfig } from 'pg'
import { engineError } from '../../errors.ts'
import { checkNestedNames, patienceOption, wholeNumberOption, type OptionNames } from '../options.ts'

/** How the server is reached. What is left out is taken from `PGHOST`, `PGUSER`, `PGPASSWORD`, … and `~/.pgpass`, as PostgreSQL's own programs do. */
export interface PostgresConnection {
  /** `postgres://user@host:5432/database?sslmode=verify-full`; what else is given counts before it. Of its parameters only `sslmode` is known: `disable`, or `verify-full`. */
  readonly url?: string
  /** Name or address; without it, `url` and `PGHOST`: `localhost`. */
  readonly host?: string
  /** From 1 to 65,535; without it, `url` and `PGPORT`: 5432. */
  readonly port?: number
  /** Without it, `url` and `PGDATABASE`: the name of the user. */
  readonly database?: string
  /** Without it, `url` and `PGUSER`: the user of this process. */
  readonly user?: string
  /** The password, or what answers it anew for each connection: a token that expires. */
  readonly password?: string | (() => string | Promise<string>)
  /** TLS: true checks the server's certificate against the roots that Node trusts; PEM text for other roots, and for a client's certificate. False by default. */
  readonly tls?: boolean | PostgresTls
  /** Time to connect; `10s` by default. */
  readonly connectTimeout?: Duration
  /** Time for one statement; `1m` by default. */
  readonly statementTimeout?: Duration
}

/** How the server's certificate is checked, and what this client shows of its own; PEM text. */
export interface PostgresTls {
  /** Roots that the server's certificate must lead to; those that Node trusts by default. */
  readonly ca?: string
  /** This client's certificate, with `key`; none by default. */
  readonly cert?: string
  /** The private key of `cert`. */
  readonly key?: string
  /** The name that the server's certificate must have; the host by default. */
  readonly serverName?: string
}

export const connectionNames: OptionNames<PostgresConnection> = {
  url: true,
  host: true,
  port: true,
  database: true,
  user: true,
  password: true,
  tls: true,
  connectTimeout: true,
  statementTimeout: true,
}
const tlsNames: OptionNames<PostgresTls> = { ca: true, cert: true, key: true, serverName: true }

/** Beyond the server's own time-out: a server that is gone without a word. */
const ANSWER_MARGIN_MS = 5_000
/** As long as the timers of `pg` can be, which are those of Node: a longer one would be one of a millisecond. */
const PATIENCE_MS_MAX = 24 * 86_400_000

/** How long the server may take for a statement. @throws `CONNECTOR_OPTION_INVALID` */
export function statementTimeoutMs(connector: string, { statementTimeout = '1m' }: PostgresConnection): number {
  return patienceOption(connector, 'statementTimeout', statementTimeout, PATIENCE_MS_MAX)
}

/** @throws `CONNECTOR_OPTION_INVALID` */
export function clientConfig(connector: string, options: PostgresConnection): ClientConfig {
  const { url, connectTimeout = '10s' } = options
  const { host, port, database, user, password, tls } = { ...(url === undefined ? {} : partsOf(connector, url)), ...given(options) }
  if (tls !== undefined && typeof tls !== 'boolean') checkNestedNames<PostgresTls>(connector, 'tls', tls, tlsNames)
  if (port !== undefined) wholeNumberOption(connector, 'port', port, 1, 65_535)
  const ssl = tls === undefined || typeof tls === 'boolean' ? tls : tlsConfig(tls, host)
  return {
    ...given({ host, port, database, user, password, ssl }),
    application_name: 'millrace',
    keepAlive: true,
    connectionTimeoutMillis: patienceOption(connector, 'connectTimeout', connectTimeout, PATIENCE_MS_MAX),
    query_timeout: statementTimeoutMs(connector, options) + ANSWER_MARGIN_MS,
  }
}

type Parts = Pick<PostgresConnection, 'host' | 'port' | 'database' | 'user' | 'password' | 'tls'>

function partsOf(connector: string, text: string): Parts {
  const invalid = (problem: string): never => {
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: 'url', problem })
  }
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) return invalid('is no address that begins with postgres://')
  for (const name of url.searchParams.keys()) if (name !== 'sslmode') invalid(`has the parameter ${name}, which is not known`)
  const mode = url.searchParams.get('sslmode')
  if (mode !== null && mode !== 'disable' && mode !== 'verify-full') invalid(`has the sslmode ${mode}: disable or verify-full`)
  const part = (value: string): string | undefined => {
    try {
      return value === '' ? undefined : decodeURIComponent(value)
    } catch {
      return invalid('has a % that begins no character in UTF-8: a % itself is written %25')
    }
  }
  return given({
    host: part(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? undefined : Number(url.port),
    database: part(url.pathname.slice(1)),
    user: part(url.username),
    password: part(url.password),
    tls: mode === null ? undefined : mode !== 'disable',
  })
}

function tlsConfig({ ca, cert, key, serverName }: PostgresTls, host: string | undefined): NonNullable<ClientConfig['ssl']> {
  const name = serverName ?? (host === undefined || isIP(host) !== 0 ? undefined : host)
  return given({ ca, cert, key, servername: name })
}

/** Without what is undefined. */
function given<O extends object>(options: O): { [name in keyof O]: Exclude<O[name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
