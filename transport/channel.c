/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/channel.h"

int channel_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	return c->ops->read(c, buf, n, err);
}

int channel_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err)
{
	return c->ops->write(c, buf, n, err);
}

void channel_shutdown(struct channel *c)
{
	c->ops->shutdown(c);
}

void channel_stop_reading(struct channel *c)
{
	if (c->ops->stop_reading)
		c->ops->stop_reading(c);
	else
		c->ops->shutdown(c);
}

void channel_close(struct channel *c)
{
	if (c)
		c->ops->close(c);
}
