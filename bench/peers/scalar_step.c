/* Training steps of a plain llama in scalar C, in the manner of llm.c: loops over arrays, parallel over rows by OpenMP,
 * vectorized by nobody but the compiler. Shapes, loss, clipping and AdamW as ours.
 *
 * scalar_step DIM HIDDEN LAYERS HEADS KV_HEADS HEAD_DIM VOCAB SEQUENCE WARMUP STEPS prints {"p50": ms, "loss": nats}.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int dim, hidden, layers, heads, kv_heads, head_dim, vocab, T;
static int queries, keys; /* rows of q; of k and v */

typedef struct {
  float *norm1, *wq, *wk, *wv, *wo, *norm2, *w1, *w3, *w2;
} Layer;
typedef struct {
  float *embedding, *final_norm;
  Layer* layers;
} Model;
/* Activations [T, channels]; rrms is one over the root mean square of a row. */
typedef struct {
  float *x, *rrms1, *n1, *q, *k, *v, *weights, *attended, *middle, *rrms2, *n2, *h1, *h3, *gate;
} Saved;

static float* floats(size_t count) {
  float* block = calloc(count, sizeof(float));
  if (block == NULL) abort();
  return block;
}

static float* take(float** from, size_t count) {
  float* block = *from;
  *from += count;
  return block;
}

static size_t lay_out(Model* model, float* block) {
  float* at = block;
  model->layers = calloc(layers, sizeof(Layer));
  model->embedding = take(&at, (size_t)vocab * dim);
  for (int l = 0; l < layers; l++) {
    Layer* y = &model->layers[l];
    y->wq = take(&at, (size_t)queries * dim), y->wk = take(&at, (size_t)keys * dim),
    y->wv = take(&at, (size_t)keys * dim);
    y->wo = take(&at, (size_t)dim * queries), y->w1 = take(&at, (size_t)hidden * dim);
    y->w3 = take(&at, (size_t)hidden * dim), y->w2 = take(&at, (size_t)dim * hidden);
  }
  /* Norms last: weight decay ends where they begin. */
  for (int l = 0; l < layers; l++) model->layers[l].norm1 = take(&at, dim), model->layers[l].norm2 = take(&at, dim);
  model->final_norm = take(&at, dim);
  return at - block;
}

/* out[t, o] = sum over i of w[o, i] x[t, i] */
static void product(float* out, const float* x, const float* w, int inputs, int outputs) {
#pragma omp parallel for
  for (int t = 0; t < T; t++)
    for (int o = 0; o < outputs; o++) {
      float sum = 0;
      for (int i = 0; i < inputs; i++) sum += w[(size_t)o * inputs + i] * x[(size_t)t * inputs + i];
      out[(size_t)t * outputs + o] = sum;
    }
}

static void product_backward(float* dx, float* dw, const float* dout, const float* x, const float* w, int inputs,
                             int outputs) {
#pragma omp parallel for
  for (int t = 0; t < T; t++)
    for (int o = 0; o < outputs; o++) {
      const float d = dout[(size_t)t * outputs + o];
      for (int i = 0; i < inputs; i++) dx[(size_t)t * inputs + i] += w[(size_t)o * inputs + i] * d;
    }
#pragma omp parallel for
  for (int o = 0; o < outputs; o++)
    for (int t = 0; t < T; t++) {
      const float d = dout[(size_t)t * outputs + o];
      for (int i = 0; i < inputs; i++) dw[(size_t)o * inputs + i] += x[(size_t)t * inputs + i] * d;
    }
}

static void norm(float* out, float* rrms, const float* x, const float* weight) {
  for (int t = 0; t < T; t++) {
    float squares = 0;
    for (int i = 0; i < dim; i++) squares += x[t * dim + i] * x[t * dim + i];
    rrms[t] = 1.0f / sqrtf(squares / dim + 1e-5f);
    for (int i = 0; i < dim; i++) out[t * dim + i] = x[t * dim + i] * rrms[t] * weight[i];
  }
}

static void norm_backward(float* dx, float* dweight, const float* dout, const float* x, const float* rrms,
                          const float* weight) {
  for (int t = 0; t < T; t++) {
    float pull = 0;
    for (int i = 0; i < dim; i++) pull += dout[t * dim + i] * weight[i] * x[t * dim + i];
    pull *= rrms[t] * rrms[t] / dim;
    for (int i = 0; i < dim; i++) {
      dx[t * dim + i] += rrms[t] * (dout[t * dim + i] * weight[i] - x[t * dim + i] * pull);
      dweight[i] += dout[t * dim + i] * x[t * dim + i] * rrms[t];
    }
  }
}

/* Rotates pairs (2i, 2i + 1) by position; `direction` -1 takes a gradient back. */
static void rotate(float* x, int count, float direction) {
  for (int t = 0; t < T; t++)
    for (int h = 0; h < count; h++)
      for (int i = 0; i < head_dim; i += 2) {
        const float angle = t * powf(10000.0f, -(float)i / head_dim), c = cosf(angle), s = direction * sinf(angle);
        float* pair = x + (size_t)t * count * head_dim + h * head_dim + i;
        const float a = pair[0], b = pair[1];
        pair[0] = a * c - b * s, pair[1] = a * s + b * c;
      }
}

static void attention(Saved* s) {
  const float scale = 1.0f / sqrtf(head_dim);
#pragma omp parallel for collapse(2)
  for (int t = 0; t < T; t++)
    for (int h = 0; h < heads; h++) {
      const int kv = h / (heads / kv_heads) * head_dim;
      const float* q = s->q + (size_t)t * queries + h * head_dim;
      float *weights = s->weights + ((size_t)h * T + t) * T, *out = s->attended + (size_t)t * queries + h * head_dim;
      float most = -INFINITY, sum = 0;
      for (int u = 0; u <= t; u++) {
        float score = 0;
        for (int i = 0; i < head_dim; i++) score += q[i] * s->k[(size_t)u * keys + kv + i];
        weights[u] = score * scale;
        if (weights[u] > most) most = weights[u];
      }
      for (int u = 0; u <= t; u++) sum += weights[u] = expf(weights[u] - most);
      memset(out, 0, head_dim * sizeof(float));
      for (int u = 0; u <= t; u++) {
        weights[u] /= sum;
        for (int i = 0; i < head_dim; i++) out[i] += weights[u] * s->v[(size_t)u * keys + kv + i];
      }
    }
}

/* Parallel over key heads: the query heads of one add to the same gradients. */
static void attention_backward(float* dq, float* dk, float* dv, const float* dout, const Saved* s) {
  const float scale = 1.0f / sqrtf(head_dim);
  const int group = heads / kv_heads;
#pragma omp parallel for
  for (int kv_head = 0; kv_head < kv_heads; kv_head++) {
    float* dweights = floats(T);
    const int kv = kv_head * head_dim;
    for (int h = kv_head * group; h < (kv_head + 1) * group; h++)
      for (int t = 0; t < T; t++) {
        const size_t at = (size_t)t * queries + h * head_dim;
        const float* weights = s->weights + ((size_t)h * T + t) * T;
        float mean = 0;
        for (int u = 0; u <= t; u++) {
          dweights[u] = 0;
          for (int i = 0; i < head_dim; i++) {
            dweights[u] += dout[at + i] * s->v[(size_t)u * keys + kv + i];
            dv[(size_t)u * keys + kv + i] += dout[at + i] * weights[u];
          }
          mean += weights[u] * dweights[u];
        }
        for (int u = 0; u <= t; u++) {
          const float d = weights[u] * (dweights[u] - mean) * scale;
          for (int i = 0; i < head_dim; i++) {
            dq[at + i] += d * s->k[(size_t)u * keys + kv + i];
            dk[(size_t)u * keys + kv + i] += d * s->q[at + i];
          }
        }
      }
    free(dweights);
  }
}

static void add(float* to, const float* from, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] += from[i];
}

static float* cleared(float* block, size_t count) { return memset(block, 0, count * sizeof(float)); }

static void forward_layer(const Layer* w, Saved* s, float* out, float* scratch) {
  norm(s->n1, s->rrms1, s->x, w->norm1);
  product(s->q, s->n1, w->wq, dim, queries);
  product(s->k, s->n1, w->wk, dim, keys);
  product(s->v, s->n1, w->wv, dim, keys);
  rotate(s->q, heads, 1);
  rotate(s->k, kv_heads, 1);
  attention(s);
  product(s->middle, s->attended, w->wo, queries, dim);
  add(s->middle, s->x, (size_t)T * dim);
  norm(s->n2, s->rrms2, s->middle, w->norm2);
  product(s->h1, s->n2, w->w1, dim, hidden);
  product(s->h3, s->n2, w->w3, dim, hidden);
  for (size_t i = 0; i < (size_t)T * hidden; i++) s->gate[i] = s->h1[i] / (1.0f + expf(-s->h1[i])) * s->h3[i];
  product(scratch, s->gate, w->w2, hidden, dim);
  for (size_t i = 0; i < (size_t)T * dim; i++) out[i] = s->middle[i] + scratch[i];
}

/* Turns the gradient of the layer's output into that of its input. */
static void backward_layer(float* dx, const Layer* w, Layer* g, const Saved* s, float** scratch) {
  const size_t wide = (size_t)T * hidden, narrow = (size_t)T * dim;
  float *dgate = cleared(scratch[0], wide), *dh3 = scratch[1], *dn = cleared(scratch[2], narrow);
  product_backward(dgate, g->w2, dx, s->gate, w->w2, hidden, dim);
  for (size_t i = 0; i < wide; i++) {
    const float sigmoid = 1.0f / (1.0f + expf(-s->h1[i])), d = dgate[i];
    dh3[i] = d * s->h1[i] * sigmoid;
    dgate[i] = d * s->h3[i] * sigmoid * (1.0f + s->h1[i] * (1.0f - sigmoid));
  }
  product_backward(dn, g->w1, dgate, s->n2, w->w1, dim, hidden);
  product_backward(dn, g->w3, dh3, s->n2, w->w3, dim, hidden);
  norm_backward(dx, g->norm2, dn, s->middle, s->rrms2, w->norm2);
  float *da = cleared(scratch[0], (size_t)T * queries), *dq = cleared(scratch[1], (size_t)T * queries);
  float *dk = cleared(scratch[3], (size_t)T * keys), *dv = cleared(scratch[4], (size_t)T * keys);
  product_backward(da, g->wo, dx, s->attended, w->wo, queries, dim);
  attention_backward(dq, dk, dv, da, s);
  rotate(dq, heads, -1);
  rotate(dk, kv_heads, -1);
  cleared(dn, narrow);
  product_backward(dn, g->wq, dq, s->n1, w->wq, dim, queries);
  product_backward(dn, g->wk, dk, s->n1, w->wk, dim, keys);
  product_backward(dn, g->wv, dv, s->n1, w->wv, dim, keys);
  norm_backward(dx, g->norm1, dn, s->x, s->rrms1, w->norm1);
}

/* Mean cross-entropy; logits become its gradient. */
static double cross_entropy(float* logits, const int* targets) {
  double loss = 0;
#pragma omp parallel for reduction(+ : loss)
  for (int t = 0; t < T; t++) {
    float *row = logits + (size_t)t * vocab, most = -INFINITY, sum = 0;
    for (int v = 0; v < vocab; v++) most = row[v] > most ? row[v] : most;
    const float chosen = row[targets[t]] - most;
    for (int v = 0; v < vocab; v++) sum += row[v] = expf(row[v] - most);
    loss += (logf(sum) - chosen) / T;
    for (int v = 0; v < vocab; v++) row[v] = (row[v] / sum - (v == targets[t])) / T;
  }
  return loss;
}

static void update(float* w, const float* g, float* m, float* v, size_t count, size_t decayed, int step) {
  double squares = 0;
  for (size_t i = 0; i < count; i++) squares += (double)g[i] * g[i];
  const float scale = squares > 1 ? 1 / sqrt(squares) : 1, lr = 1e-4f;
  const float correct_m = 1 / (1 - powf(0.9f, step)), correct_v = 1 / (1 - powf(0.95f, step));
#pragma omp parallel for
  for (size_t i = 0; i < count; i++) {
    const float d = g[i] * scale;
    m[i] = 0.9f * m[i] + 0.1f * d;
    v[i] = 0.95f * v[i] + 0.05f * d * d;
    w[i] -= lr * (m[i] * correct_m / (sqrtf(v[i] * correct_v) + 1e-8f) + (i < decayed ? 0.1f * w[i] : 0));
  }
}

static int by_size(const void* a, const void* b) { return (*(double*)a > *(double*)b) - (*(double*)a < *(double*)b); }

int main(int count, char** given) {
  int* sizes[] = {&dim, &hidden, &layers, &heads, &kv_heads, &head_dim, &vocab, &T};
  if (count != 11) return fputs("Expected ten numbers: see the top of the source\n", stderr), 2;
  for (int i = 0; i < 8; i++) *sizes[i] = atoi(given[i + 1]);
  const int warmup = atoi(given[9]), steps = atoi(given[10]);
  queries = heads * head_dim, keys = kv_heads * head_dim;
  Model w, g;
  const size_t parameters = lay_out(&w, NULL), decayed = parameters - (size_t)dim * (2 * layers + 1);
  float *weights = floats(parameters), *gradients = floats(parameters), *m = floats(parameters),
        *v = floats(parameters);
  lay_out(&w, weights);
  lay_out(&g, gradients);
  for (size_t i = 0; i < parameters; i++) weights[i] = i < decayed ? 0.04f * (rand() / (float)RAND_MAX - 0.5f) : 1;
  const size_t narrow = (size_t)T * dim, wide = (size_t)T * (hidden > queries ? hidden : queries);
  Saved* s = calloc(layers + 1, sizeof(Saved));
  for (int l = 0; l <= layers; l++) {
    s[l] = (Saved){floats(narrow),
                   floats(T),
                   floats(narrow),
                   floats((size_t)T * queries),
                   floats((size_t)T * keys),
                   floats((size_t)T * keys),
                   floats((size_t)heads * T * T),
                   floats((size_t)T * queries),
                   floats(narrow),
                   floats(T),
                   floats(narrow),
                   floats((size_t)T * hidden),
                   floats((size_t)T * hidden),
                   floats((size_t)T * hidden)};
  }
  float* scratch[] = {floats(wide), floats(wide), floats(narrow), floats((size_t)T * keys), floats((size_t)T * keys)};
  float *dx = floats(narrow), *logits = floats((size_t)T * vocab);
  int* tokens = malloc((T + 1) * sizeof(int));
  double *times = malloc(steps * sizeof(double)), loss = 0;
  for (int step = 1; step <= warmup + steps; step++) {
    for (int t = 0; t <= T; t++) tokens[t] = rand() % vocab;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    cleared(gradients, parameters);
    for (int t = 0; t < T; t++)
      memcpy(s[0].x + (size_t)t * dim, w.embedding + (size_t)tokens[t] * dim, dim * sizeof(float));
    for (int l = 0; l < layers; l++) forward_layer(&w.layers[l], &s[l], s[l + 1].x, scratch[0]);
    Saved* top = &s[layers];
    norm(top->n1, top->rrms1, top->x, w.final_norm);
    product(logits, top->n1, w.embedding, dim, vocab);
    loss = cross_entropy(logits, tokens + 1);
    cleared(scratch[2], narrow);
    product_backward(scratch[2], g.embedding, logits, top->n1, w.embedding, dim, vocab);
    norm_backward(cleared(dx, narrow), g.final_norm, scratch[2], top->x, top->rrms1, w.final_norm);
    for (int l = layers - 1; l >= 0; l--) backward_layer(dx, &w.layers[l], &g.layers[l], &s[l], scratch);
    for (int t = 0; t < T; t++) add(g.embedding + (size_t)tokens[t] * dim, dx + (size_t)t * dim, dim);
    update(weights, gradients, m, v, parameters, decayed, step);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (step > warmup)
      times[step - warmup - 1] = 1e3 * (end.tv_sec - start.tv_sec) + 1e-6 * (end.tv_nsec - start.tv_nsec);
  }
  qsort(times, steps, sizeof(double), by_size);
  printf("{\"p50\": %.3f, \"loss\": %.6f}\n", times[steps / 2], loss);
  return 0;
}
