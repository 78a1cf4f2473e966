/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote_parts.h"

int remote_open(const struct remote_url *url, const struct remote_options *opt,
		struct remote **out, struct unrack_error *err)
{
	return opt->rsh ? chan_cmd_open(url, opt, out, err) : chan_ssh_open(url, opt, out, err);
}

struct channel *remote_channel(struct remote *r)
{
	return r->channel;
}

void remote_explain(struct remote *r, struct unrack_error *err)
{
	if (err->code == UNRACK_LOST)
		report_explain(&r->report, err);
}

void remote_close(struct remote *r)
{
	if (r)
		r->close(r);
}
