/** The names and values of Kafka's own configuration. */
export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

/** `sasl.mechanism`. With PLAIN and OAUTHBEARER the password or token itself goes over the connection: use them over TLS. */
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'

/** Who the client is, and how it proves that: `sasl.mechanism` and `sasl.jaas.config` of Kafka. */
export type Sasl =
  | { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string }
  | {
      readonly mechanism: 'OAUTHBEARER'
      /** Gives the token whenever a connection is made or its session ends, within `requestTimeoutMs`. */
      readonly token: () => string | Promise<string>
      /** SASL extensions, `sasl.oauthbearer.extensions`. */
      readonly extensions?: Readonly<Record<string, string>>
    }

/** TLS material as PEM text. Names in quotes are Kafka's. */
export interface Ssl {
  /** `ssl.truststore.certificates`: who may have signed the broker's certificate; the system's authorities by default. */
  readonly ca?: string
  /** `ssl.keystore.certificate.chain`: this client's certificate. */
  readonly cert?: string
  /** `ssl.keystore.key`. */
  readonly key?: string
  /** `ssl.key.password`. */
  readonly keyPassword?: string
  /** `ssl.endpoint.identification.algorithm`: whether the certificate must name the host; true by default. */
  readonly verifyHostname?: boolean
}

/** `security.protocol` and what belongs to it. */
export interface Security {
  readonly protocol: SecurityProtocol
  readonly ssl?: Ssl
  readonly sasl?: Sasl
}
