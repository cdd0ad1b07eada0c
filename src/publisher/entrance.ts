import type { PublishReply } from '../protocol/publications.js'
import type { Item } from './item.js'

/** A way to publish. What goes in is the same, and so is what comes out. */
export interface Entrance {
  /**
   * Publishes the items of one project, in order, all or none. Called with one batch of a project at a time, and again with the same items
   * when nobody knows what became of them. The reply has a result for each.
   * @throws PublishError; when it is retryable, the batch may have been published.
   */
  send(project: string, items: readonly Item[], signal: AbortSignal): Promise<PublishReply>

  /** Ends connections. Nothing is sent afterwards. */
  close(): void
}
