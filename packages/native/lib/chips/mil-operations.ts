/** The operations of MIL up to opset iOS 18, by the definitions in coremltools. */
export const milOperations: readonly string[] = `
  clamped_relu elu gelu leaky_relu linear_activation prelu relu relu6 scaled_tanh sigmoid sigmoid_hard silu softmax
  softplus softplus_parametric softsign thresholded_relu
  classify cond const coreml_update_state list_gather list_length list_read list_scatter list_write make_list
  read_state select while_loop
  add equal floor_div greater greater_equal less less_equal logical_and logical_or logical_xor maximum minimum mod
  mul not_equal pow real_div sub
  abs acos asin atan atanh cast ceil clip cos cosh erf exp exp2 floor identity inverse log logical_not round rsqrt
  sign sin sinh sqrt square tan tanh threshold
  conv conv_quantized conv_transpose einsum linear matmul scaled_dot_product_attention
  batch_norm instance_norm l2_norm layer_norm local_response_norm avg_pool l2_pool max_pool
  reduce_argmax reduce_argmin reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp reduce_max
  reduce_mean reduce_min reduce_prod reduce_sum reduce_sum_square
  affine crop crop_resize resample resize resize_bilinear resize_nearest_neighbor upsample_bilinear
  upsample_nearest_neighbor
  gru lstm rnn random_bernoulli random_categorical random_normal random_uniform
  gather gather_along_axis gather_nd scatter scatter_along_axis scatter_nd
  argsort band_part concat cumsum fill fill_like flatten2d non_maximum_suppression non_zero one_hot pad range_1d
  shape split stack tile topk
  batch_to_space depth_to_space expand_dims pixel_shuffle pixel_unshuffle reshape reshape_like reverse
  reverse_sequence slice_by_index slice_by_size slice_update sliding_windows space_to_batch space_to_depth squeeze
  transpose
  constexpr_affine_dequantize constexpr_blockwise_shift_scale constexpr_cast constexpr_lut_to_dense
  constexpr_lut_to_sparse constexpr_sparse_blockwise_shift_scale constexpr_sparse_to_dense dequantize quantize
`
  .trim()
  .split(/\s+/);
