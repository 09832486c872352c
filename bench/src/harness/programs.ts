/** MIL programs of the benchmarks. */
const wrap = (shape: string, body: string, result: string): string => `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(${shape} x) {
${body}
    } -> (${result});
}
`;

/** y = 3x over fp32 [1, n]: for a small n, as good as nothing. */
export const scaleProgram = (n: number): string => {
  const shape = `tensor<fp32, [1, ${n}]>`;
  return wrap(
    shape,
    `        fp32 f = const()[name = string("f"), val = fp32(3)];
        ${shape} y = mul(x = x, y = f)[name = string("y")];`,
    'y',
  );
};

/** A chain of `times` products of fp32 [n, n] with the input: time for little memory. */
export const chainProgram = (n: number, times: number): string => {
  const shape = `tensor<fp32, [${n}, ${n}]>`;
  const products = Array.from({ length: times }, (_, index) => {
    const from = index === 0 ? 'x' : `p${index}`;
    return `        ${shape} p${index + 1} = matmul(transpose_x = no, transpose_y = no, x = ${from}, y = x)[name = string("p${index + 1}")];`;
  });
  return wrap(
    shape,
    `        bool no = const()[name = string("no"), val = bool(false)];\n${products.join('\n')}`,
    `p${times}`,
  );
};
