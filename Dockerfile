# Tallyroom: one image, every role. `docker build -t tallyroom .`; `ops/check-image.sh` runs these steps without an engine.

FROM node:24-slim AS build
# The official release, e.g. v20.52.0, for TRANSPORT=uws: what npm has of it is an unofficial repack (SECURITY.md).
ARG UWS=
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# Later stages take what was built and what it needs while it runs: not the tools that packages of ours may be used with, not Prisma's
# compilers for other databases, not the empty embedded database that only makes a first start faster.
RUN npm run build && rm -r dist/database && mkdir data
RUN npm prune --omit=dev --omit=optional --omit=peer \
  && find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*_fast_bg.postgresql.*' -delete
RUN test -z "$UWS" || npm install --no-save https://github.com/uNetworking/uWebSockets.js/archive/refs/tags/$UWS.tar.gz

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/prisma/migrations prisma/migrations
COPY --from=build /app/dist dist
COPY ops/health.mjs ./
# Nothing else is written to: the root may be read-only, with a tmpfs on /tmp.
COPY --from=build --chown=node:node /app/data /data
VOLUME /data
USER node
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["node", "health.mjs"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start"]
